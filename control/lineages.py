"""Which model versions there ever were behind endpoints, with their lineages: read out of the registry's revisions, once each.

A run that repeats another is told across all revisions of all endpoints. To decode thousands of documents at each `apply` would be dear, so what they
say of lineages is kept in memory, and only revisions that are new are read. A revision never changes.
"""

from collections import defaultdict
from threading import Lock
from typing import NamedTuple

import msgspec

from control.problems import not_found
from control.registry import Registry
from hyperplan.endpoint import Model
from hyperplan.lineage import Lineage, Made, Repeat, recipe_of, repeats_of


class _Model(msgspec.Struct):
    lineage: Lineage | None = None


class _Endpoint(msgspec.Struct):
    """A document of which everything but the lineages is passed over."""

    models: dict[str, _Model]


class Seen(NamedTuple):
    """The first and the newest revision of an endpoint that has a model."""

    first: int
    newest: int


class Lineages:
    """The model versions of all endpoints. Every method may be called from any thread."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._reading = Lock()
        self._last = self._count = 0
        self._seen: dict[tuple[str, str], Seen] = {}
        self._made: defaultdict[tuple[str, str], list[Made]] = defaultdict(list)
        self._by_recipe: defaultdict[bytes, list[Made]] = defaultdict(list)

    def seen(self, endpoint: str, model: str) -> Seen | None:
        """In which revisions an endpoint has a model; None if in none."""
        self._catch_up()
        return self._seen.get((endpoint, model))

    def models(self, endpoint: str) -> list[str]:
        """The models that an endpoint ever had, in the order in which they came."""
        self._catch_up()
        return [model for name, model in list(self._seen) if name == endpoint]

    def repeats(self, endpoint: str, model: str, revision: int) -> list[Repeat]:
        """The model versions that came before a model, as it was at a revision, and that it repeats."""
        made = self._at(endpoint, model, revision)
        recipe = recipe_of(made.lineage) if made else None
        return repeats_of(made, list(self._by_recipe[recipe])) if made and recipe else []

    def notes(self, endpoint: str, revision: int) -> list[str]:
        """What is to be said of the lineages that came with a revision."""
        self._catch_up()
        came = [made for made in self._of(endpoint) if made.revision == revision]
        return [repeat.sentence for made in came for repeat in self.repeats(endpoint, made.model, revision)]

    def _at(self, endpoint: str, model: str, revision: int) -> Made | None:
        """A model with the lineage that it had at a revision."""
        self._catch_up()
        found = [made for made in self._made.get((endpoint, model), ()) if made.revision <= revision]
        return found[-1] if found else None

    def _of(self, endpoint: str) -> list[Made]:
        return [made for (name, _), several in list(self._made.items()) if name == endpoint for made in several]

    def _catch_up(self) -> None:
        with self._reading:
            for row in self._registry.documents(after=self._last):
                document = msgspec.json.decode(row.document, type=_Endpoint) if row.document else _Endpoint({})
                for name, model in document.models.items():
                    self._take(row.endpoint, name, row.number, model.lineage)
                self._last = row.id

    def _take(self, endpoint: str, model: str, revision: int, lineage: Lineage | None) -> None:
        key = (endpoint, model)
        self._seen[key] = Seen(self._seen[key].first if key in self._seen else revision, revision)
        made = self._made[key]
        if (made[-1].lineage if made else Lineage()) == (lineage or Lineage()):
            return
        self._count += 1
        made.append(Made(endpoint, model, revision, self._count, lineage or Lineage()))
        recipe = recipe_of(made[-1].lineage)
        if recipe is not None:
            self._by_recipe[recipe].append(made[-1])


def model_at(registry: Registry, lineages: Lineages, endpoint: str, model: str) -> tuple[int, Model]:
    """A model as it is, or was when the endpoint last had it, and the revision that says so.

    Raises:
        NoSuchEndpoint: there never was one of this name.
        HttpProblem: the endpoint never had such a model.
    """
    seen = lineages.seen(endpoint, model)
    if seen is None:
        registry.history(endpoint, limit=1)
        raise not_found(f"{endpoint} never had a model {model!r}; it had: {', '.join(lineages.models(endpoint))}")
    _, found = registry.revision(endpoint, seen.newest)
    return seen.newest, found.models[model]
