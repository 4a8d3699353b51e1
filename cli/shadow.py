"""How `hyperplan shadow` shows what shadows answered, on a terminal."""

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.figures import NOTHING, Plain, counted, moment, number


def show_shadows(report: Plain) -> None:
    """Each shadow beside the models that clients were answered by."""
    console = Console()
    console.print(f"[bold]{report['endpoint']}[/bold] from {moment(report['since'])} to {moment(report['until'])}")
    if not report["shadows"]:
        console.print(
            "no shadow, and none that answered; name models in routing.shadow to give them copies of requests"
        )
    for shadow in report["shadows"]:
        console.print()
        console.print(f"[bold]{escape(shadow['model'])}[/bold]: {'; '.join(_answers(shadow))}")
        for failure in shadow["failures"]:
            console.print(f"  failed {_times(failure['answers'])}: {escape(_reason(failure))}")
        for against in shadow["against"]:
            console.print(_side_by_side(shadow["model"], against))
            for line in _predictions(against, report["threshold"]):
                console.print(f"  {line}")


def _answers(shadow: Plain) -> Iterator[str]:
    yield counted(shadow["answers"], "sampled answer")
    if shadow["unanswered"]:
        yield f"no answer yet to {counted(shadow['unanswered'], 'sampled request')}"
    if shadow["alone"]:
        yield f"{shadow['alone']:,} without the sample of the request"
    if shadow["older"]:
        yield f"{shadow['older']:,} older ones not compared"


def _side_by_side(shadow: str, against: Plain) -> Table:
    title = f"{counted(against['pairs'], 'request')} compared, which stand for {against['requests']:,.0f}"
    table = Table("", "errors", "p50", "p95", "p99", title=title, title_justify="left", title_style="")
    for role, name in (("primary", against["model"] or "nobody"), ("shadow", shadow)):
        outcome = against[role]
        latencies = [_milliseconds(outcome[quantile]) for quantile in ("p50", "p95", "p99")]
        table.add_row(f"{escape(name)} ({role})", _rate(outcome["error_rate"]), *latencies)
    return table


def _predictions(against: Plain, threshold: float | None) -> Iterator[str]:
    """What there is to say of the predictions, a line each."""
    agreement, differences = against["agreement"], against["differences"]
    if agreement:
        cut = f", at the threshold {threshold:g}" if threshold is not None else ""
        yield f"agreement {_rate(agreement['rate'])} of {counted(agreement['rows'], 'row')}{cut}"
        for one in agreement["disagreements"]:
            yield f"  primary {escape(one['primary'])}, shadow {escape(one['shadow'])}: {one['share']:.2%}, {counted(one['rows'], 'row')}"
    if differences:
        spread = " ".join(f"{name} {number(differences[name])}" for name in ("p5", "p25", "p50", "p75", "p95"))
        yield f"difference, shadow less primary: mean {differences['mean']:+.4g}, absolute {differences['mean_absolute']:.4g}"
        yield f"  {spread}, correlation {number(differences['correlation'])}"
    for name, words in (("unread", "request"), ("mismatched", "request"), ("incomparable", "row")):
        if against[name]:
            yield f"not compared: {counted(against[name], words)}, {_WHY[name]}"


_WHY = {
    "unread": "of which one of the two gave no predictions",
    "mismatched": "of which the two gave different numbers of predictions",
    "incomparable": "predicted in forms that do not tell whether they mean the same",
}


def _reason(failure: Plain) -> str:
    status = f"status {failure['status']}" if failure["status"] is not None else "no answer"
    return failure["failure"] or status


def _rate(rate: Plain | None) -> str:
    return f"{rate['estimate']:.2%} ({rate['low']:.2%} to {rate['high']:.2%})" if rate else NOTHING


def _milliseconds(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{seconds * 1000:.3g} ms"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
