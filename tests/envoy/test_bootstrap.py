"""The shipped bootstrap, against Envoy's own judgement and the domain's."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cli.addresses import Address
from cli.envoy_config import BOOTSTRAP, EnvoySettings, envoy_binary, render, render_json
from extproc.xds.resources import ROUTES
from extproc.xds.routes import DECIDE, DECOMPRESSORS
from extproc.xds.upstream_filters import ADAPT
from hyperplan.endpoint import WITHHELD_HEADERS


def static_resources() -> Any:
    return YAML(typ="safe").load(BOOTSTRAP)["static_resources"]


def connection_manager() -> Any:
    [manager] = static_resources()["listeners"][0]["filter_chains"][0]["filters"]
    return manager["typed_config"]


@pytest.mark.parametrize(
    "text",
    [
        BOOTSTRAP.read_text(),
        render(EnvoySettings()),
        render_json(EnvoySettings()),
        render(
            EnvoySettings(Address("::1", 8080), Path("run"), Address("127.0.0.1", 9901), Address("collector", 4317), 50)
        ),
    ],
    ids=["as shipped", "rendered", "as JSON", "rendered with everything"],
)
def test_envoy_finds_the_bootstrap_valid_and_nothing_in_it_deprecated(text: str, tmp_path: Path) -> None:
    configuration = tmp_path / "envoy.yaml"
    configuration.write_text(text)
    command = [str(envoy_binary()), "--mode", "validate", "--config-path", str(configuration), "--log-level", "warning"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert result.returncode == 0, result.stderr
    assert "deprecat" not in result.stderr.lower()


def test_the_file_that_the_command_ships_is_the_one_that_people_read() -> None:
    assert BOOTSTRAP.resolve() == Path(__file__).parents[2] / "envoy" / "bootstrap.yaml"


def test_the_headers_kept_from_the_sidecar_are_those_that_endpoints_may_not_name() -> None:
    decide = next(part for part in connection_manager()["http_filters"] if part["name"] == DECIDE)["typed_config"]
    patterns = decide["forward_rules"]["disallowed_headers"]["patterns"]
    assert {pattern["exact"] for pattern in patterns} == WITHHELD_HEADERS


def test_the_names_that_the_sidecar_uses_are_those_of_the_bootstrap() -> None:
    manager = connection_manager()
    assert manager["rds"]["route_config_name"] == ROUTES
    off = [part["name"] for part in manager["http_filters"] if part.get("disabled")]
    assert off == [*DECOMPRESSORS, DECIDE]
    assert ADAPT in {cluster["name"] for cluster in static_resources()["clusters"]}
