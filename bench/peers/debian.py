"""Debian's packages for the benchmark: the compilers and libraries of the peers, and the load generator."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping

from cli.failure import Failure

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "go": (
        "golang-go",
        "golang-google-grpc-dev",
        "golang-github-golang-protobuf-1-5-dev",  # without it apt chooses 1.3, which knows no message of today's
        "golang-google-protobuf-dev",
        "protobuf-compiler",
        "protoc-gen-go",
        "protoc-gen-go-grpc",
    ),
    "cpp": ("g++", "pkg-config", "libgrpc++-dev", "libprotobuf-dev", "protobuf-compiler", "protobuf-compiler-grpc"),
    "wrk": ("wrk",),
}
"""Package names by what wants them: a peer, or a tool of the benchmark."""


def install_line(packages: Iterable[str]) -> str:
    """What one types to install these packages."""
    return f"apt-get install {' '.join(packages)}"


def install(wanted: Iterable[str]) -> None:
    """Install packages with apt-get, whose progress goes to standard error.

    Raises:
        Failure: this is no Debian or its kin, the user is not root, or apt-get fails.
    """
    packages = sorted(set(wanted))
    if shutil.which("apt-get") is None:
        raise Failure(f"no apt-get here: what is wanted are Debian's packages {' '.join(packages)}")
    if os.geteuid() != 0:
        raise Failure(f"only root may install packages: sudo {install_line(packages)}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        command = ["apt-get", "--quiet", *arguments]
        if subprocess.run(command, env=environment, stdout=2, check=False).returncode:
            raise Failure(f"`{' '.join(command)}` failed")
