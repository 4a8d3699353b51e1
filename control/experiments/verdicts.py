"""What others ask of experiments: the verdict on a treatment, as it stands."""

from control.experiments.book import ExperimentBook
from control.experiments.reading import running_in
from control.registry import Registry
from hyperplan.experiments.verdict import Verdict


def verdict_of(registry: Registry, book: ExperimentBook, name: str, treatment: str) -> Verdict | None:
    """The verdict on a treatment of the experiment that an endpoint runs now; None if it runs none, does not compare that arm, or was not looked at yet."""
    found = running_in(registry, name)
    look = book.get(name, found.first) if found else None
    standing = look.standings.get(treatment) if look else None
    return standing.verdict if standing else None
