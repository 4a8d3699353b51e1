"""Builds the peers: what is not built yet, or is older than its sources.

`python -m bench.peers.build` says what there is; with `--install` it installs Debian's packages first.

Compilers and libraries are Debian's, so nothing is fetched while building. Generated code and binaries go into the folder
`build/peers`, which is not committed. A peer that cannot be built here is no failure: it comes back with the reason.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.peers.debian import PACKAGES, install, install_line
from cli.failure import Failure, report

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BUILT = ROOT / "build" / "peers"
PROTO = HERE / "external_processor.proto"

Show = Callable[[str], None]
"""Takes a line of progress."""


@dataclass(frozen=True)
class Peer:
    """An empty external processor that can be run, from any folder.

    `command` wants one more argument: the path of the unix socket that it shall listen on.
    """

    command: tuple[str, ...]

    def version(self) -> str:
        """Which library and which compiler or interpreter it is made with, in their versions."""
        run = subprocess.run([*self.command, "--version"], capture_output=True, text=True, check=True)
        return run.stdout.strip()


@dataclass(frozen=True)
class Unavailable:
    """A peer that cannot be built on this machine, and a sentence that says why and what it wants."""

    reason: str


@dataclass(frozen=True)
class Compiled:
    """How a compiled peer is built.

    `steps` are the commands that make the file `peer` in the folder they are given; `programs` is what must be installed
    to run them.
    """

    source: Path
    programs: tuple[str, ...]
    steps: Callable[[Path], Iterator[Sequence[str]]]


def _go(folder: Path) -> Iterator[Sequence[str]]:
    """Debian's Go packages are a GOPATH, so it builds as before there were modules, and asks no module proxy."""
    generated = folder / "src" / "external_processor"
    generated.mkdir(parents=True)
    out = f"M{PROTO.name}=./external_processor:{generated.parent}"
    yield ["protoc", f"-I{PROTO.parent}", f"--go_out={out}", f"--go-grpc_out={out}", str(PROTO)]
    setting = ["env", "GO111MODULE=off", f"GOPATH={folder}:/usr/share/gocode"]
    yield [*setting, "go", "build", "-o", str(folder / "peer"), str(HERE / "go" / "main.go")]


def _cpp(folder: Path) -> Iterator[Sequence[str]]:
    plugin = f"--plugin=protoc-gen-grpc={shutil.which('grpc_cpp_plugin')}"
    yield ["protoc", f"-I{PROTO.parent}", plugin, f"--cpp_out={folder}", f"--grpc_out={folder}", str(PROTO)]
    sources = [str(HERE / "cpp" / "main.cc"), *(str(source) for source in folder.glob("*.cc"))]
    libraries = "$(pkg-config --cflags --libs grpc++ protobuf)"
    compiler = f'exec g++ -std=c++17 -O2 -DNDEBUG -Wall -Wextra -I"$0" -o "$0/peer" "$@" {libraries}'
    yield ["sh", "-c", compiler, str(folder), *sources]


COMPILED: Mapping[str, Compiled] = {
    "go": Compiled(HERE / "go" / "main.go", ("go", "protoc", "protoc-gen-go", "protoc-gen-go-grpc"), _go),
    "cpp": Compiled(HERE / "cpp" / "main.cc", ("g++", "pkg-config", "protoc", "grpc_cpp_plugin"), _cpp),
}
# A script's own folder stands first on Python's path, so it is run as a module, wherever it is run from.
GRPCIO = Peer(("env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "bench.peers.grpcio"))


def show(line: str) -> None:
    """Print progress to standard error."""
    print(line, file=sys.stderr, flush=True)


def build(show: Show = show, built: Path = BUILT) -> dict[str, Peer | Unavailable]:
    """Every peer by its name: `grpcio`, `go`, `cpp`. The binaries are kept in the folder `built`."""
    peers: dict[str, Peer | Unavailable] = {"grpcio": GRPCIO}
    built.mkdir(parents=True, exist_ok=True)
    with _alone(built):
        for name, how in COMPILED.items():
            peers[name] = _compiled(name, how, built, show)
    return peers


def is_current(binary: Path, sources: Sequence[Path]) -> bool:
    """Whether a file is there and at least as new as everything that it is made from."""
    return binary.exists() and all(source.stat().st_mtime <= binary.stat().st_mtime for source in sources)


def _compiled(name: str, how: Compiled, built: Path, show: Show) -> Peer | Unavailable:
    binary = built / name
    peer = Peer((str(binary),))
    if is_current(binary, [how.source, PROTO, Path(__file__)]):
        return peer
    wanted = f"it wants Debian's packages: {install_line(PACKAGES[name])}"
    missing = [program for program in how.programs if shutil.which(program) is None]
    if missing:
        return Unavailable(f"{name} cannot be built without {', '.join(missing)}; {wanted}")
    show(f"building the empty {name} processor ...")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=built) as folder:
        log = built / f"{name}.log"
        if not _run(how.steps(Path(folder)), log):
            return Unavailable(f"{name} does not build here, as {log} tells; {wanted}")
        os.replace(Path(folder) / "peer", binary)
    show(f"built it in {time.monotonic() - began:.0f} s")
    return peer


def _run(steps: Iterator[Sequence[str]], log: Path) -> bool:
    """Run commands one after the other, until one fails; what they say goes to a file."""
    with log.open("wb") as output:
        return all(subprocess.run(step, stdout=output, stderr=output, check=False).returncode == 0 for step in steps)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep others who build in the same folder waiting."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Build, and print each peer with its version, or why there is none."""
    try:
        if "--install" in sys.argv[1:]:
            install(package for packages in PACKAGES.values() for package in packages)
    except Failure as failure:
        report(failure, as_json=False)
        return 1
    for name, peer in build().items():
        print(f"{name}: {peer.version() if isinstance(peer, Peer) else peer.reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
