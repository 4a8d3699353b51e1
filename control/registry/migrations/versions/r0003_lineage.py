"""Lineages that were anything become typed: what has no place among their fields, or another type than its field, goes under `extra`.

The types stand here as they were when this was written, since a migration must not change with the code.
"""

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_RUN = ("server", "experiment", "id", "url")


def upgrade() -> None:
    """Rewrite each document that has such a lineage."""
    revisions = sa.table("revisions", sa.column("id", sa.Integer), sa.column("document", sa.Text))
    connection = op.get_bind()
    asked = sa.select(revisions).where(revisions.c.document.like('%"lineage"%'))
    for number, text in connection.execute(asked).fetchall():
        document = json.loads(text)
        models = document.get("models", {})
        for model in models.values():
            if isinstance(model.get("lineage"), dict):
                model["lineage"] = typed(model["lineage"])
        written = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        connection.execute(sa.update(revisions).where(revisions.c.id == number).values(document=written))


def typed(lineage: dict[str, Any]) -> dict[str, Any]:
    """A lineage of which everything has its place."""
    extra = dict(lineage.get("extra") or {}) if isinstance(lineage.get("extra"), dict) else {}
    found: dict[str, Any] = {}
    for name, value in lineage.items():
        if _fits(name, value):
            found[name] = value
        elif name != "extra" or not isinstance(value, dict):
            extra[name] = value
    return found | ({"extra": extra} if extra else {})


def _fits(name: str, value: Any) -> bool:
    match name, value:
        case "trained_at", str():
            return _time(value) is not None
        case ("algorithm" | "code_revision" | "author", str()) | ("parameters", dict()):
            return True
        case "metrics", dict():
            return all(type(each) in (int, float) for each in value.values())
        case "run", dict():
            return all(key in _RUN and isinstance(item, str) for key, item in value.items())
        case "data", dict():
            return all(_fits_data(key, item) for key, item in value.items()) and _in_order(value)
        case _:
            return False


def _fits_data(key: str, value: Any) -> bool:
    if key == "rows":
        return type(value) is int and value >= 0
    return isinstance(value, str) and (key in ("uri", "hash") or (key in ("from", "to") and _time(value) is not None))


def _in_order(data: dict[str, Any]) -> bool:
    since, until = _time(data.get("from", "")), _time(data.get("to", ""))
    return since is None or until is None or since <= until


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
