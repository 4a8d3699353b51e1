"""How commands show what control says, on a terminal.

What people wrote is shown as `Text`: its brackets are no markup.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from hyperplan.diff import Difference
from hyperplan.dry_run import DryRun, Turn
from hyperplan.endpoint import Endpoint, Routing
from hyperplan.schema.compatibility import Compatibility

if TYPE_CHECKING:
    from cli.checking import Checked


def show_endpoints(found: list[dict[str, Any]]) -> None:
    """A line for each endpoint."""
    table = Table("endpoint", "revision", "path", "protocol", "split")
    for entry in found:
        table.add_row(
            entry["name"], str(entry["revision"]), entry["match"]["path"], entry["protocol"], _shares(entry["split"])
        )
    Console().print(table if found else "no endpoint yet; make one with `hyperplan apply -f FILE`")


def show_endpoint(revision: int, endpoint: Endpoint) -> None:
    """One endpoint: how it is routed, and its schema."""
    console, routing = Console(), endpoint.routing
    console.print(f"[bold]{endpoint.name}[/bold] revision {revision}: POST {endpoint.match.path}")
    console.print(_models(endpoint, routing))
    table = Table("feature", "type", "unit", "required", "nullable", "source")
    for name, feature in endpoint.schema.features.items():
        kind = str(feature.__struct_config__.tag)
        table.add_row(
            name, kind, feature.unit or "", _yes(feature.required), _yes(feature.nullable), feature.source or ""
        )
    console.print(table)


def show_revisions(found: list[dict[str, Any]]) -> None:
    """A line for each revision."""
    table = Table("revision", "change", "author", "when", "reason")
    for entry in found:
        when = datetime.fromisoformat(entry["created_at"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(str(entry["revision"]), entry["change"], Text(entry["author"]), when, Text(entry["reason"]))
    Console().print(table)


def show_diff(found: dict[str, Any]) -> None:
    """A line for each change, the whole of it: what is long is for the terminal to wrap, or for a pager."""
    typer.echo(f"{found['endpoint']}: revision {found['from']} to {found['to']}")
    for change in msgspec.convert(found["changes"], list[Difference]):
        typer.echo(str(change))
    if not found["changes"]:
        typer.echo("nothing differs")


def show_dry_run(found: dict[str, Any]) -> None:
    """What would become of a request: a sentence, then what is wrong with it and who would answer."""
    told = msgspec.convert(found, DryRun)
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"{told.endpoint} revision {told.revision}: {told.outcome}, {told.why}"))
    if told.violations:
        table = Table("row", "feature", "violation", "expected", "got", "what is done")
        for each in told.violations:
            row = (str(each.row), each.feature, each.kind, each.expected, each.got, each.action)
            table.add_row(*map(Text, row))
        console.print(table)
    elif told.flaw and told.outcome == "routed":
        console.print(Text(f"{told.detail}; it passes all the same"))
    if told.arms:
        table = Table("arm", "probability", "who answers, in turn")
        for arm in told.arms:
            table.add_row(Text(arm.arm), f"{arm.propensity:.4g}", Text(", then ".join(map(_turn, arm.chain))))
        console.print(table)
        if told.shadow:
            console.print(Text(f"shadows: {', '.join(map(_turn, told.shadow))}"))
        console.print(Text(f"without a sidecar: {told.default or '503'}"))


def show_checked(checked: "Checked") -> None:
    """What breaks a schema in a file, a line for each feature and kind, and a sentence on all of it."""
    console = Console(highlight=False, soft_wrap=True)
    if checked.breaks:
        table = Table("feature", "violation", "rows", "share", "expected", "examples: row, value", "what serving does")
        for one in checked.breaks:
            examples = ", ".join(f"{example.row}: {example.got}" for example in one.examples)
            row = (one.feature, one.kind, f"{one.rows:,}", f"{one.share:.3g}", one.expected, examples, one.action)
            table.add_row(*map(Text, row))
        console.print(table)
    if checked.unknown:
        console.print(
            Text(f"columns that the schema does not know, and that are not checked: {', '.join(checked.unknown)}")
        )
    broken = f"{checked.broken_rows:,} of {checked.rows:,} rows break the schema"
    console.print(broken if checked.breaks else f"all {checked.rows:,} rows meet the schema")


def show_compatibility(found: Compatibility) -> None:
    """A line for each difference, and what they come to."""
    for change in found.changes:
        noticed = [who for who, notices in (("clients", change.clients), ("models", change.models)) if notices]
        typer.echo(f"{change.sentence} [noticed by {' and '.join(noticed) or 'nobody'}]")
    if not found.changes:
        typer.echo("nothing differs")
    typer.echo(
        f"backward compatible: {'yes' if found.backward else 'no'}; forward compatible: {'yes' if found.forward else 'no'}"
    )


def _turn(turn: Turn) -> str:
    if turn.untranslatable is not None:
        return f"{turn.model} (cannot be asked: {turn.untranslatable})"
    return f"{turn.model} (translated)" if turn.translated else turn.model


def _models(endpoint: Endpoint, routing: Routing) -> Table:
    table = Table("model", "weight", "fallback", "shadow", Column("url", overflow="fold"))
    for name, model in endpoint.models.items():
        place = str(routing.fallback.index(name) + 1) if name in routing.fallback else ""
        table.add_row(name, f"{routing.split.get(name, 0):g}", place, _yes(name in routing.shadow), model.url or "rule")
    return table


def _shares(split: dict[str, float]) -> str:
    total = sum(split.values())
    return ", ".join(f"{arm} {weight / total:.0%}" for arm, weight in split.items())


def _yes(value: bool) -> str:
    return "yes" if value else ""
