"""How commands show model versions, what they were made of, and predictions with all that led to them.

What people wrote is shown as `Text`: its brackets are no markup.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

LONGEST = 120
"""Characters of a value in a table; --json has the whole of it."""
DATE, DIGITS = 10, 7
"""Characters of a time that are its date, and of a hash that tell it from others, in the table of all models."""


def show_models(found: Sequence[dict[str, Any]]) -> None:
    """A line for each model, with what tells it from the others; `show` of one has all. Then what is to be said of them."""
    columns = ("author", "data", "code", "run")
    table = Table("model", _folding("algorithm"), _folding("trained", DATE), *[_folding(name) for name in columns])
    for each in found:
        lineage = each["document"].get("lineage", {})
        data, run = lineage.get("data", {}), lineage.get("run", {})
        facts = (
            (lineage.get("algorithm") or "").rpartition(".")[2],
            (lineage.get("trained_at") or "")[:DATE],
            lineage.get("author"),
            (data.get("hash") or "").rpartition(":")[2][:DIGITS],
            (lineage.get("code_revision") or "")[:DIGITS],
            (run.get("id") or "")[:DIGITS],
        )
        table.add_row(Text(each["model"]), *[Text(_short(fact)) for fact in facts])
    console = Console(highlight=False)
    console.print(table)
    for sentence in _repeats(found):
        console.print(Text(sentence))


def show_model(found: dict[str, Any]) -> None:
    """One model whole: where it is, what it was made of, and what it repeats."""
    console = Console(highlight=False, soft_wrap=True)
    added = found["added"]
    gone = "" if found["current"] else f", which has it no more since revision {found['revision'] + 1}"
    console.print(Text(f"{found['model']} of {found['endpoint']}{gone}"))
    console.print(Text(f"came with revision {added['revision']} by {added['author']}{_why(added)}"))
    table = Table(_folding("what"), _folding("is"))
    for place, value in _leaves(found["document"]):
        table.add_row(Text(place), Text(_shown(value)))
    console.print(table)
    for sentence in _repeats([found]):
        console.print(Text(sentence))


def show_comparison(found: dict[str, Any]) -> None:
    """A line for each thing that the models say, those in which they differ marked."""
    table = Table("", _folding("what"), *[_folding(each["model"]) for each in found["models"]])
    for line in found["lines"]:
        mark = "" if line["same"] else "≠"
        place = line["pointer"].removeprefix("/").replace("/", ".")
        table.add_row(mark, Text(place), *[Text(_short(value)) for value in line["values"]])
    console = Console(highlight=False)
    console.print(table)
    for sentence in _repeats(found["models"]):
        console.print(Text(sentence))


def show_explanation(found: dict[str, Any]) -> None:
    """All that is known of a prediction, from the request to the run behind the model."""
    console = Console(highlight=False, soft_wrap=True)
    for line in _explained(found):
        console.print(Text(line))


def _explained(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['prediction_id']} of {found['endpoint']}: {found['summary']}"
    for note in found["notes"]:
        yield f"  note: {note}"
    if trace := found["trace"]:
        yield f"trace      {trace['url'] or trace['id']}{'' if trace['recorded'] else ' (not recorded)'}"
    if request := found["request"]:
        yield from _request(request)
    if schema := found["schema"]:
        count = f", {len(schema['document']['features'])} features" if schema["document"] else ""
        yield f"schema     {schema['version']}{count}"
    if routing := found["routing"]:
        yield from _routing(routing)
    if choice := found["choice"]:
        yield from _choice(choice, found["answer"])
    for shadow in found["shadows"]:
        said = _shown(shadow["predictions"]) if shadow["predictions"] else shadow["failure"] or "nothing that was read"
        yield f"shadow     {shadow['model']} answered {said}"
    for told in found["feedback"]:
        truth = ", ".join(
            f"{name} {told[name]:g}" if isinstance(told[name], float) else f"{name} {told[name]}"
            for name in ("label", "reward")
            if told[name] is not None
        )
        counts = "" if told["counts"] else " (replaced)"
        source = f" from {told['source']}" if told["source"] else ""
        yield f"feedback   row {told['row']}: {truth}, known {told['time']}, revision {told['revision']}{source}{counts}"
    for model in found["models"]:
        yield from _model(model)


def _request(request: dict[str, Any]) -> Iterator[str]:
    about = f" about {request['entity']}" if request["entity"] is not None else ""
    yield f"request    {request['time']}{about}, {request['rows_seen']} {'row' if request['rows_seen'] == 1 else 'rows'}"
    for number, row in enumerate(request["rows"][:MOST_ROWS]):
        values = ", ".join(f"{name}={_shown(value)}" for name, value in row["values"].items())
        unknown = f"; unknown fields (hashed): {', '.join(row['unknown'])}" if row["unknown"] else ""
        yield f"  row {number}: {values}{unknown}"
    if len(request["rows"]) > MOST_ROWS:
        yield f"  and {len(request['rows']) - MOST_ROWS} more rows; --json has them"
    for each in request["violations"]:
        yield f"  violation: row {each['row']}, {each['feature']}: {each['kind']}, expected {each['expected']}, got {each['got']}"


MOST_ROWS = 5


def _routing(routing: dict[str, Any]) -> Iterator[str]:
    by = routing["routed_by"]
    if routing["document"] is None:
        yield f"routing    revision {routing['revision']}, plan {routing['plan']}"
        return
    split = ", ".join(f"{arm}={weight:g}" for arm, weight in routing["document"]["split"].items())
    yield f"routing    revision {routing['revision']}, plan {routing['plan']}: {split}"
    yield f"  set by {by['author']} with revision {by['revision']} ({by['change']}) at {by['created_at']}{_why(by)}"


def _choice(choice: dict[str, Any], answer: dict[str, Any]) -> Iterator[str]:
    probability = "not known" if choice["propensity"] is None else f"{choice['propensity']:g}"
    forced = ", named by the request" if choice["forced"] else ""
    yield f"arm        {choice['arm'] or 'none'}, propensity {probability}{forced}; sampled with probability {choice['inclusion']:g}"
    attempts = f" at attempt {answer['attempts']} of {' > '.join(answer['chain'])}" if answer["attempts"] else ""
    took = "" if answer["latency"] is None else f" in {answer['latency'] * 1000:.1f} ms"
    status = "no status" if answer["status"] is None else f"status {answer['status']}"
    yield f"answer     {answer['model'] or 'nobody'}{attempts}, {status}{took}: {_shown(answer['predictions'])}"
    if answer["decisions"]:
        yield f"  decided {_shown(answer['decisions'])} by the threshold {_shown(answer['threshold'])}"


def _model(model: dict[str, Any]) -> Iterator[str]:
    yield f"model      {model['model']} ({', '.join(model['roles'])})"
    document = model["document"] or {}
    lineage = document.get("lineage")
    if not lineage:
        yield "  it has no lineage; give it one with `hyperplan apply` or `hyperplan models import`"
    for place, value in _leaves(lineage or {}):
        yield f"  {place}: {_shown(value)}"
    for repeat in model["repeats"]:
        yield f"  {repeat['sentence']}"


def _why(revision: dict[str, Any]) -> str:
    return f": {revision['reason']}" if revision["reason"] else ""


def _repeats(models: Sequence[dict[str, Any]]) -> Iterator[str]:
    return (repeat["sentence"] for model in models for repeat in model["repeats"])


def _leaves(document: dict[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{place}{name}.")
        else:
            yield f"{place}{name}", value


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _folding(name: str, least: int = 0) -> Column:
    """A column whose values go on in the next line where they are too long for it: what differs may stand at their end."""
    return Column(Text(name), overflow="fold", min_width=least or None)


def _short(value: Any) -> str:
    text = "" if value is None else _shown(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
