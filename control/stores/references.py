"""References, one for each model of an endpoint: the last that was put."""

from control.stores.database import Database
from hyperplan.profile import Reference


class References:
    """The table of references."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, reference: Reference) -> None:
        """Keep a reference in place of the one before, on disk when this returns."""
        with self._database.writing() as cursor:
            cursor.execute(
                "INSERT OR REPLACE INTO model_references VALUES (?, ?, ?)",
                [reference.endpoint, reference.model, reference.encode()],
            )

    def get(self, endpoint: str, model: str) -> Reference | None:
        """The reference of a model."""
        with self._database.reading() as cursor:
            row = cursor.execute(
                "SELECT body FROM model_references WHERE endpoint = ? AND model = ?", [endpoint, model]
            ).fetchone()
        return Reference.decode(row[0]) if row else None

    def models(self, endpoint: str) -> list[str]:
        """The models of an endpoint that have a reference, in alphabetical order."""
        with self._database.reading() as cursor:
            rows = cursor.execute("SELECT model FROM model_references WHERE endpoint = ? ORDER BY model", [endpoint])
            return [model for (model,) in rows.fetchall()]
