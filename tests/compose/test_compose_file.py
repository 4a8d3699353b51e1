"""The compose file and the image, as far as they can be checked where no containers run."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from compose_spec import PyOptions

import cli.app
import cli.main
import demo.endpoint
import demo.model_server
from demo.endpoint import document
from hyperplan.endpoint import parse_endpoint

ROOT = Path(__file__).parents[2]
COMPOSE = PyOptions(apply_merge=True).from_yaml((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE.to_dict()["services"]
DOCKERFILE = (ROOT / "docker" / "hyperplan.Dockerfile").read_text()

OURS = {name: service for name, service in SERVICES.items() if service["image"] == "hyperplan"}
MODULES = {"demo.model_server": demo.model_server.app, "demo.endpoint": demo.endpoint.app}


def shell_of(service: dict[str, Any]) -> str:
    return " ".join(service["command"])


def commands_of(service: dict[str, Any]) -> list[Any]:
    """The commands of ours that a service runs."""
    hyperplan = typer.main.get_group(cli.app.app)
    found: list[Any] = [hyperplan.commands[name] for name in re.findall(r"\bhyperplan ([a-z-]+)", shell_of(service))]
    modules = re.findall(r"python -m (demo\.\w+)", shell_of(service))
    return found + [typer.main.get_command(MODULES[name]) for name in modules if name in MODULES]


def variables_of(command: Any) -> set[str]:
    """The environment variables that a command reads its options from."""
    found: set[str] = set()
    for parameter in command.params:
        named = parameter.envvar or ()
        found |= {named} if isinstance(named, str) else set(named)
    return found


def host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def test_the_file_follows_the_compose_specification() -> None:
    COMPOSE.validate()
    COMPOSE.to_spec()


def test_every_part_is_there() -> None:
    assert set(SERVICES) == {
        *("envoy", "envoy-config", "sidecar", "control", "jaeger"),
        *("train", "gbm", "logit", "apply", "reference"),
    }


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_one_that_the_service_reads(name: str) -> None:
    known = set().union(*(variables_of(command) for command in commands_of(OURS[name])))
    given = {variable for variable in OURS[name].get("environment", {}) if variable.startswith("HYPERPLAN_")}
    assert given <= known


@pytest.mark.parametrize("name", OURS)
def test_every_option_in_a_command_line_exists(name: str) -> None:
    known = {option for command in commands_of(OURS[name]) for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"(?<=\s)--[a-z-]+", shell_of(OURS[name]))) <= known


def test_only_this_machine_can_reach_what_is_published() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert sorted(published) == ["127.0.0.1:16686:16686", "127.0.0.1:7070:7070", "127.0.0.1:8080:8080"]


def test_images_of_others_are_pinned_to_a_version() -> None:
    others = [service["image"] for service in SERVICES.values() if service["image"] != "hyperplan"]
    assert len(others) == 2
    assert all(re.search(r":v?\d+\.\d+\.\d+$", image) for image in others)


def test_envoy_runs_as_the_user_of_the_image_that_owns_the_sockets() -> None:
    user = re.search(r"^USER (\d+:\d+)$", DOCKERFILE, re.MULTILINE)
    assert user
    assert SERVICES["envoy"]["user"] == user[1]
    assert not any("user" in service for service in OURS.values())


def test_nobody_runs_with_capabilities_and_none_can_be_gained() -> None:
    for service in (*OURS.values(), SERVICES["envoy"]):
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_folders_that_volumes_cover_belong_to_the_user() -> None:
    (owned,) = re.findall(r"^RUN install -d -o hyperplan -g hyperplan -m 0700 (.+)$", DOCKERFILE, re.MULTILINE)
    mounted = {volume.split(":")[1] for service in OURS.values() for volume in service.get("volumes", [])}
    assert mounted == set(owned.split())


def test_envoy_finds_its_sockets_and_its_configuration_where_they_are_put() -> None:
    run = SERVICES["sidecar"]["environment"]["HYPERPLAN_RUN"]
    for name in ("envoy", "envoy-config", "sidecar"):
        assert f"sockets:{run}" in SERVICES[name]["volumes"]
    assert SERVICES["envoy-config"]["environment"]["HYPERPLAN_RUN"] == run
    path = SERVICES["envoy"]["command"][2]
    assert path.startswith(f"{run}/")
    assert SERVICES["envoy-config"]["environment"]["HYPERPLAN_ENVOY_CONFIG"] == path


def test_addresses_of_services_are_where_they_listen() -> None:
    control = SERVICES["control"]["environment"]
    sidecar = SERVICES["sidecar"]["environment"]
    api, otlp = (host_and_port(control[name])[1] for name in ("HYPERPLAN_CONTROL_LISTEN", "HYPERPLAN_OTLP_LISTEN"))
    assert sidecar["HYPERPLAN_CONTROL"] == SERVICES["apply"]["environment"]["HYPERPLAN_CONTROL"]
    assert sidecar["HYPERPLAN_CONTROL"] == f"http://control:{api}"
    assert sidecar["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"http://control:{otlp}"
    assert sidecar["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == "http://jaeger:4317"
    assert SERVICES["envoy-config"]["environment"]["HYPERPLAN_TRACES"] == "http://jaeger:4317"


def test_the_endpoint_that_is_applied_has_its_models_where_they_are_served() -> None:
    given = re.findall(r"--model (\S+)=http://(\S+)", shell_of(SERVICES["apply"]))
    endpoint = parse_endpoint(document({model: f"http://{address}" for model, address in given}))
    for name, model in endpoint.models.items():
        service = SERVICES[model.address().hostname or ""]
        settings = service["environment"]
        assert settings["HYPERPLAN_MODEL_LISTEN"] == f"0.0.0.0:{model.port()}"
        assert f"{settings['HYPERPLAN_MODEL_NAME']}@1" == name
        assert model.health == f"/v1/models/{settings['HYPERPLAN_MODEL_NAME']}"
        assert model.health in shell_of({"command": service["healthcheck"]["test"]})


def test_nothing_waits_for_a_health_that_is_not_checked() -> None:
    for service in SERVICES.values():
        for awaited, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[awaited]
            else:
                assert how["condition"] == "service_completed_successfully"
                assert "restart" not in SERVICES[awaited]


def test_the_data_plane_does_not_wait_for_control() -> None:
    awaited, waiting = set[str](), ["envoy"]
    while waiting:
        awaited |= {name := waiting.pop()}
        waiting += SERVICES[name].get("depends_on", {})
    assert awaited == {"envoy", "envoy-config", "sidecar"}


def test_checks_of_health_are_python_that_compiles() -> None:
    for service in OURS.values():
        if "healthcheck" in service:
            _, python, option, code = service["healthcheck"]["test"]
            assert (python, option) == ("python", "-c")
            compile(code, "healthcheck", "exec")


def test_the_image_is_built_from_what_there_is() -> None:
    for service in OURS.values():
        build = service["build"]
        assert (ROOT / build["context"] / build["dockerfile"]).is_file()
    allowed = (ROOT / "docker" / "hyperplan.Dockerfile.dockerignore").read_text().splitlines()
    assert [line for line in allowed if line.startswith("!") and not (ROOT / line[1:]).exists()] == []
