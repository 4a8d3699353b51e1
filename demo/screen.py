"""What the demo's audience sees: progress while something happens, and one table at the end."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from demo.client import Answer
from demo.experiment import Conclusions
from demo.observed import FeatureSkew, Named, Observed

Update = Callable[[Sequence[Answer], str], None]
"""Takes all answers so far, and what is going on."""

REFRESH = 50
"""Answers between two looks at the screen."""


class Screen:
    """A terminal, or nothing at all when the output is for machines."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(quiet=quiet, highlight=False)

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show that something takes a while."""
        with self._console.status(text):
            yield
        self.say(f"{text}: done")

    @contextmanager
    def replaying(self, total: int) -> Iterator[Update]:
        """Show the replay as it goes: give it what has come back each time something did."""
        bar = Progress(
            TextColumn("replaying July to December"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
        )
        task = bar.add_task("", total=total)
        seen: Counter[str] = Counter()
        with Live(console=self._console, refresh_per_second=8) as live:

            def update(answers: Sequence[Answer], caption: str) -> None:
                last = answers[-1]
                seen[last.model or "nobody"] += 1
                seen["marked"] += last.violations is not None
                seen["errors"] += last.status != 200
                if len(answers) % REFRESH == 0 or len(answers) == total:
                    bar.update(task, completed=len(answers))
                    models = "  ".join(f"{model} {seen[model]:,}" for model in sorted(seen) if "@" in model)
                    counts = f"{models}   marked {seen['marked']:,}   client errors {seen['errors']:,}"
                    live.update(Group(bar, Text(f"  {caption}", style="bold"), Text(f"  {counts}", style="dim")))

            yield update
        if not self._console.is_terminal:  # where the last look is printed without the end of its line
            self._console.line()

    def alerts(self, alerts: Sequence[Named], pictures: Path) -> None:
        """Print what control called by its name, and where the picture of it is."""
        self._console.print("\nWhat control said", style="bold")
        for alert in alerts:
            self._console.print(f"  {alert.sentence}", Text(f"  {pictures / alert.id}.svg\n", style="dim"), sep="\n")
        if not alerts:
            self._console.print("  nothing: too few flights to be sure of anything")

    def conclusions(self, found: Conclusions) -> None:
        """Print what came of the experiment, of the shadow, and of the labels."""
        errors = f"{found.client_errors:,} client errors"
        self._console.print(
            f"\n{found.labels:,} of {found.flights:,} flights landed and told the truth; {errors}", style="bold"
        )
        table = Table(show_header=False, padding=(0, 2))
        table.add_column(style="bold")
        table.add_column()
        for line, detail in _of_conclusions(found):
            table.add_row(line, detail)
        self._console.print(table)

    def table(self, observed: Observed) -> None:
        """Print what came of it."""
        table = Table(title="Half a year of flights", title_justify="left", show_header=False, padding=(0, 2))
        table.add_column(style="bold")
        table.add_column()
        table.add_row("requests", f"{observed.requests:,}")
        table.add_row("client errors", "\n".join([f"{observed.client_errors:,}", *observed.errors]))
        table.add_row("rejected", f"{observed.rejected:,}")
        table.add_row("samples", f"{observed.samples:,}")
        table.add_section()
        for arm, figures in observed.arms.items():
            table.add_row(arm, _of_arm(figures))
        table.add_section()
        for kind, features in observed.violations.items():
            named = ", ".join(f"{feature} {count:,}" for feature, count in features.items())
            table.add_row(f"violation: {kind}", named)
        table.add_section()
        for part in observed.skew:
            if part.worst_psi is not None:
                table.add_row(f"skew: {part.feature}", _of_skew(part))
        table.add_section()
        for line, detail in _of_checks(observed):
            table.add_row(line, detail)
        self._console.print(table)


def _of_conclusions(found: Conclusions) -> Iterator[tuple[str, str]]:
    for one in found.experiment["treatments"]:
        verdict = one["verdict"]
        yield f"experiment: {one['treatment']}", f"{verdict['decision'].upper()}: {verdict['why']}"
    for shadow in found.paired["shadows"]:
        for against in shadow["against"]:
            yield f"shadow: {shadow['shadow']}", against["why"]
    for model, one in found.thresholds["models"].items():
        yield f"threshold: {model}", _of_threshold(one)
    for model, part in found.performance["parts"].items():
        metrics = part["total"]["metrics"].items()
        shown = [f"{name} {_estimate(one)}" for name, one in metrics if name in ("auc", "brier", "calibration")]
        yield f"performance: {model}", ", ".join(shown)


def _of_threshold(one: Mapping[str, Any]) -> str:
    learnt = one["learnt"]
    if learnt is None:
        return f"{one['setting']:.3g}, where everybody starts"
    interval = learnt.get("interval")
    between = f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else ""
    return f"late from {one['setting']:.3g} on{between}, {_origin(learnt)}"


def _origin(learnt: Mapping[str, Any]) -> str:
    if learnt["origin"] == "labels":
        return f"from {learnt['labels']:,} labels"
    return f"by its scores, where it is late as often as {learnt.get('predecessor', 'is wanted')}"


def _estimate(one: Mapping[str, Any]) -> str:
    low, high = one["low"], one["high"]
    return f"{one['value']:.3f}" if low is None else f"{one['value']:.3f} ({low:.3f} to {high:.3f})"


def _of_skew(part: FeatureSkew) -> str:
    worst = f"PSI {part.psi or 0:.2f}, in the worst window {part.worst_psi or 0:.2f}"
    named = "".join(f"; {kind} in {count:,} rows" for kind, count in part.violations.items() if count)
    return worst + named


def _of_arm(figures: Mapping[str, object]) -> str:
    return (
        f"chosen {figures['chosen']:,} ({figures['share']:.1%}), answered {figures.get('answered', 0):,}, "
        f"p50 {figures.get('p50_ms')} ms, p99 {figures.get('p99_ms')} ms"
    )


def _of_checks(observed: Observed) -> Iterator[tuple[str, str]]:
    checks = observed.checks
    for revision, p_value in checks["split_p_values"].items():
        yield f"planes on arms, revision {revision}", f"chi-square p {p_value:.3f} against the split"
    yield "failovers", f"{checks['failovers']:,} flights were answered by the other model than the chosen one"
    if "planes" in checks:
        planes = checks["planes"]
        yield "planes on two arms at once", f"{planes['torn']:,}"
        moved = (
            f"{planes['moved']:,} of {planes['seen_twice']:,} planes changed arms, {planes['moved_back']:,} needlessly"
        )
        yield "at the edit", f"{moved}; visible after {checks['edit_visible_ms']} ms"
