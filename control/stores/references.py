"""References, one for each model of an endpoint: the last that was put."""

from control.stores.databases import Database
from control.stores.tables import REFERENCES
from control.stores.texts import storable_text
from hyperplan.profile import Reference


class References:
    """The table of references."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, reference: Reference) -> None:
        """Keep a reference in place of the one before, on disk when this returns."""
        rows = REFERENCES.rows(
            {
                "endpoint": [storable_text(reference.endpoint)],
                "model": [storable_text(reference.model)],
                "body": [reference.encode()],
            }
        )
        with self._database.writing() as writer:
            writer.put(REFERENCES, rows)

    def get(self, endpoint: str, model: str) -> Reference | None:
        """The reference of a model."""
        table = REFERENCES.query
        asked = table.filter(table.endpoint == storable_text(endpoint), table.model == storable_text(model))
        with self._database.reading() as reader:
            found = reader.rows(asked.select("body"))
        return Reference.decode(found[0][0]) if found else None

    def models(self, endpoint: str) -> list[str]:
        """The models of an endpoint that have a reference, in alphabetical order."""
        table = REFERENCES.query
        with self._database.reading() as reader:
            found = reader.rows(table.filter(table.endpoint == storable_text(endpoint)).select("model"))
        return sorted(model for (model,) in found)
