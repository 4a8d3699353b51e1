"""The `thresholds:` block of an endpoint document: what is wanted of decisions, and the threshold of each model version.

A threshold belongs to a model version, since the scores of another version mean something else. What was learnt is part of the document, so
that a sidecar has it with the plan, each change of it is a revision with its reason, and a rollback takes it back.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import msgspec

from hyperplan.problems import Problem, pointer

Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Setting = float | dict[str, float]
"""What decides for a model: a threshold (binary), or the weight of each class (multiclass)."""
Origin = Literal["labels", "rate", "predecessor"]
"""Where a setting comes from: labels; the scores alone, for the rate that is wanted; the scores alone, for the rate that the predecessor has."""

START = 0.5
"""The threshold of a model of which nothing is known."""
NAME = re.compile(r"[A-Za-z0-9_.:+-]{1,64}")
"""What a decision may be called: it stands in a header, in a list with commas."""
FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
TAKEN = frozenset(
    {"predictions", "prediction", "outputs", "error", "message", "id", "parameters", "model_name", "model_version"}
)
"""Members of answers that mean something to clients already."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of the document."""


class Objective(_Part, frozen=True, kw_only=True):
    """What is wanted of decisions, one of these.

    - `f_beta`: the greatest F-measure, in which recall counts beta times as much as precision (van Rijsbergen, 1979, chapter 7); of several classes
      the mean of theirs.
    - `costs`: the smallest mean cost. By what turned out, and by what was decided, what that costs; what is not named costs nothing.
    - `precision`: the greatest recall with this precision. `recall`: the greatest precision with this recall.
    - `positive_rate`: so many positives among all; needs no labels.
    """

    f_beta: Annotated[float, msgspec.Meta(gt=0, le=100)] | None = None
    costs: dict[str, dict[str, float]] | None = None
    precision: Share | None = None
    recall: Share | None = None
    positive_rate: Share | None = None

    @property
    def kinds(self) -> list[str]:
        """The names of what is wanted."""
        return [name for name in self.__struct_fields__ if getattr(self, name) is not None]

    def __str__(self) -> str:
        """In words, for reasons of revisions."""
        said = {
            "f_beta": f"the greatest F{self.f_beta:g}" if self.f_beta else "",
            "costs": "the smallest cost",
            "precision": f"a precision of {self.precision}",
            "recall": f"a recall of {self.recall}",
            "positive_rate": f"a positive rate of {self.positive_rate}",
        }
        return said[self.kinds[0]] if self.kinds else "nothing"


class Decisions(_Part, frozen=True, kw_only=True):
    """What the two decisions of a binary task are called."""

    positive: str = "positive"
    negative: str = "negative"


class Learnt(_Part, frozen=True, kw_only=True):
    """What was learnt for a model version, and from what: from so many labels, for this objective.

    `interval` is a 95 % interval of the threshold. Of an endpoint document it is written by Hyperplan itself.
    """

    value: Setting
    origin: Origin
    objective: Objective
    labels: int = 0
    interval: tuple[float, float] | None = None
    predecessor: str | None = None


class Thresholds(_Part, frozen=True, kw_only=True):
    """How scores become decisions.

    `field` is the member of a JSON answer that has them too; without it the header alone has. `pinned` holds for a model whatever is learnt.
    """

    objective: Objective
    decisions: Decisions | None = None
    field: str | None = None
    pinned: dict[str, Setting] = {}
    learnt: dict[str, Learnt] = {}

    @property
    def names(self) -> Decisions:
        """What the decisions of a binary task are called."""
        return self.decisions or Decisions()

    def setting(self, model: str) -> Setting | None:
        """What decides for a model: what is pinned, or what was learnt; None where there is neither."""
        found = self.learnt.get(model)
        return self.pinned.get(model, found.value if found else None)


def kept(before: Thresholds | None, after: Thresholds | None, models: Mapping[str, object]) -> Thresholds | None:
    """A block that somebody wrote, with what was learnt before for models that are still there: files do not hold what is learnt."""
    if before is None or after is None:
        return after
    learnt = {name: one for name, one in before.learnt.items() if name in models} | after.learnt
    return msgspec.structs.replace(after, learnt=learnt) if learnt != after.learnt else after


def problems_of_thresholds(
    thresholds: Thresholds, task: str, models: Mapping[str, object], protocol: str, predictions: tuple[str, ...]
) -> Iterator[Problem]:
    """What is wrong with a block, by pointers into the document. `predictions` are the keys that lead to the predictions in plain JSON."""
    if task == "regression":
        yield Problem("/thresholds", "a regression has no classes to decide on; leave the block out")
        return
    yield from _of_objective(thresholds, task)
    names = thresholds.names
    if thresholds.decisions is not None and task == "multiclass":
        yield Problem("/thresholds/decisions", "are the two of a binary task; those of several classes are the classes")
    for which in ("positive", "negative"):
        if not NAME.fullmatch(getattr(names, which)):
            yield Problem(
                f"/thresholds/decisions/{which}",
                "must be 1 to 64 letters, digits or _ . : + -, as it stands in a header",
            )
    if names.positive == names.negative:
        yield Problem("/thresholds/decisions", "must be called differently")
    yield from _of_field(thresholds.field, protocol, predictions)
    for part, settings in (
        ("pinned", thresholds.pinned),
        ("learnt", {name: one.value for name, one in thresholds.learnt.items()}),
    ):
        for model, setting in settings.items():
            place = pointer("thresholds", part, model)
            if (
                model not in models and part == "pinned"
            ):  # what was learnt of a model that is gone is no mistake of anybody's
                yield Problem(place, f"{model!r} is no model of this endpoint; known: {', '.join(models)}")
            yield from _of_setting(setting, task, place)


def _of_objective(thresholds: Thresholds, task: str) -> Iterator[Problem]:
    objective = thresholds.objective
    place = "/thresholds/objective"
    known = ", ".join(objective.__struct_fields__)
    if len(objective.kinds) != 1:
        yield Problem(place, f"must be one of {known}")
        return
    kind = objective.kinds[0]
    if task == "multiclass" and kind not in ("f_beta", "costs"):
        yield Problem(f"{place}/{kind}", "is of one class; of several, f_beta or costs can be wanted")
    if objective.costs is not None:
        yield from _of_costs(objective.costs, thresholds, task, f"{place}/costs")


def _of_costs(costs: dict[str, dict[str, float]], thresholds: Thresholds, task: str, place: str) -> Iterator[Problem]:
    known = {thresholds.names.positive, thresholds.names.negative}
    for truth, decided in costs.items():
        for name in (truth, *decided):
            if task == "binary" and name not in known:
                yield Problem(f"{place}{pointer(truth)}", f"{name!r} is no decision; known: {', '.join(sorted(known))}")
        if not all(math.isfinite(cost) for cost in decided.values()):
            yield Problem(f"{place}{pointer(truth)}", "costs must be finite")
    if task == "binary":
        wrong, right = errors_of(thresholds)
        if not (wrong > 0 and right > 0):
            yield Problem(
                place,
                "a wrong decision must cost more than the right one, both where it is positive and where it is negative",
            )
    elif not any(cost for decided in costs.values() for cost in decided.values()):
        yield Problem(place, "say what wrong decisions cost; here nothing costs anything")


def errors_of(thresholds: Thresholds) -> tuple[float, float]:
    """By how much a wrong positive and a wrong negative cost more than the right decision."""
    costs, names = thresholds.objective.costs or {}, thresholds.names

    def cost(truth: str, decided: str) -> float:
        return costs.get(truth, {}).get(decided, 0.0)

    return (
        cost(names.negative, names.positive) - cost(names.negative, names.negative),
        cost(names.positive, names.negative) - cost(names.positive, names.positive),
    )


def _of_field(field: str | None, protocol: str, predictions: tuple[str, ...]) -> Iterator[Problem]:
    if field is None:
        return
    if not FIELD.fullmatch(field):
        yield Problem("/thresholds/field", "must be a name: letters, digits, _ and -, a letter or _ first")
    elif field in TAKEN or field in predictions[:1]:
        yield Problem(
            "/thresholds/field", f"{field!r} means something in answers already; choose another, like decision"
        )
    elif protocol == "oip" and field in ("binary_data_size", "content_type"):
        yield Problem("/thresholds/field", f"{field!r} is a parameter of the protocol's own; choose another")


def _of_setting(setting: Setting, task: str, place: str) -> Iterator[Problem]:
    if task == "binary" and not (isinstance(setting, float) and math.isfinite(setting)):
        yield Problem(place, "must be a number: scores from there on are positive")
    elif task == "multiclass" and not (
        isinstance(setting, dict) and setting and all(math.isfinite(one) and one > 0 for one in setting.values())
    ):
        yield Problem(
            place, "must give classes weights above 0: the class of the greatest weighted probability is decided"
        )
