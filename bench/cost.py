"""What a process costs: CPU time, memory and descriptors, as Linux counts them."""

import os
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads that a process has, in seconds, counted in nanoseconds (`schedstat`).

    Ticks, which `stat` counts in, are a hundredth of a second: too coarse for a few thousand cheap requests.
    """
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def resident_mb(pid: int) -> float:
    """Resident memory (VmRSS), in MB of a million bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmRSS"))


def descriptors(pid: int) -> int:
    """Open file descriptors."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still run, and theirs."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *children(int(child))]
    return found
