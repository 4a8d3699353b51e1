"""Two versions of a schema: what a client of the old one or a model of the old one would notice of the new one.

Schema registries call it *backward* compatible when whatever the old version took, the new one takes, so that clients may stay as they
are; and *forward* compatible when whatever the new version takes, the old one took, so that a model which was trained on the old one sees
nothing new (Kleppmann, "Designing Data-Intensive Applications", 2017, chapter 4). To take a row is to find no violation in it. Rows say
nothing of units, so those are compared besides: a change of unit breaks nothing that a check could see, and both sides.

This is careful, not exact: what it lists as breaking might never come in a row. What it does not list breaks no row, which a property test
holds it to.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from hyperplan.schema.features import AnyFeature, Category, Float, Int, NumberList, String
from hyperplan.schema.schema import Schema
from hyperplan.schema.violations import SEVERITY, Action, Kind


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between two versions, in a sentence.

    `clients` says that a client of the old version would notice it, `models` that a model of the old version would. `feature` is empty when
    the schema as a whole is meant.
    """

    feature: str
    clients: bool
    models: bool
    sentence: str


class Compatibility(msgspec.Struct, frozen=True):
    """All differences between two versions, and what they come to."""

    backward: bool
    forward: bool
    changes: list[Change]


def compatibility(old: Schema, new: Schema) -> Compatibility:
    """What a new version of a schema means to those who rely on the old one.

    >>> old = Schema(features={"x": Float(max=10)})
    >>> found = compatibility(old, Schema(features={"x": Float()}))
    >>> found.backward, found.forward, found.changes[0].sentence
    (True, False, 'x: the range was at most 10 and is any number now; a model may get what it has never seen')
    """
    changes = [*_of_features(old, new), *_of_policies(old, new)]
    return Compatibility(
        not any(change.clients for change in changes), not any(change.models for change in changes), changes
    )


def _of_features(old: Schema, new: Schema) -> Iterator[Change]:
    for name in dict.fromkeys((*old.features, *new.features)):
        if name not in new.features:
            yield _removed(name, new)
        elif name not in old.features:
            yield _added(name, old, new)
        else:
            for aspect in (_type, _range, _values, _null, _required, _unit, _aliases, _unseen, _source):
                yield from aspect(_Pair(name, old, new))


class _Pair(NamedTuple):
    """A feature of both versions."""

    name: str
    old_schema: Schema
    new_schema: Schema

    @property
    def old(self) -> AnyFeature:
        return self.old_schema.features[self.name]

    @property
    def new(self) -> AnyFeature:
        return self.new_schema.features[self.name]

    def change(self, what: str, *consequences: str, clients: bool = False, models: bool = False) -> Change:
        """A change in words: what it is, and what comes of it."""
        sentence = "; ".join([f"{self.name}: {what}", *consequences])
        return Change(feature=self.name, clients=clients, models=models, sentence=sentence)

    def judged(self, what: str, kind: Kind, senders: str, *, clients: bool, models: bool) -> Change:
        """A change of which values are good: clients that may send what is refused now, models that may get what was refused."""
        consequences = []
        if clients:
            consequences.append(f"clients {senders} are {_fate(self.new_schema, self.new, kind)}")
        if models:
            consequences.append("a model may get what it has never seen")
        return self.change(what, *consequences, clients=clients, models=models)


def _removed(name: str, new: Schema) -> Change:
    heir = next((other for other, feature in new.features.items() if name in feature.aliases), None)
    if heir is not None:
        sentence = (
            f"{name}: is called {heir} now; clients that go on sending {name} are {_FATES[new.on_violation]} (renamed)"
        )
        return Change(feature=name, clients=True, models=True, sentence=f"{sentence}; a model looks for {name} in vain")
    sentence = f"{name}: is gone; clients that go on sending it are {_FATES[new.on_unknown]} (unknown); a model may look for it in vain"
    return Change(feature=name, clients=new.on_unknown != "ignore", models=True, sentence=sentence)


def _added(name: str, old: Schema, new: Schema) -> Change:
    feature, consequences = new.features[name], []
    if feature.required:
        consequences.append(f"clients that do not send it are {_fate(new, feature, 'missing')}")
    elif old.on_unknown == "ignore":
        consequences.append("clients that sent something under this name were not checked, and are now")
    former = any(name in other.aliases for other in old.features.values())
    models = old.on_unknown != "ignore" or former
    if models:
        consequences.append("a model may get a field that it does not know")
    sentence = "; ".join([f"{name}: is new", *consequences])
    return Change(
        feature=name, clients=feature.required or old.on_unknown == "ignore", models=models, sentence=sentence
    )


def _type(pair: _Pair) -> Iterator[Change]:
    old, new = pair.old, pair.new
    clients, models = not _takes_type(new, old), not _takes_type(old, new)
    if clients or models:
        what = f"was {_noun(old)} and is {_noun(new)} now"
        yield pair.judged(what, "type", f"that send {_noun(old)}", clients=clients, models=models)


def _takes_type(feature: AnyFeature, other: AnyFeature) -> bool:
    """Whether a feature takes the type of all good values of another."""
    match feature, other:
        case (Float(), Float() | Int()) | (Int(), Int()) | (String() | Category(), String() | Category()):
            return True
        case NumberList(), NumberList():
            return feature.length == other.length
        case _:
            return type(feature) is type(other)


def _range(pair: _Pair) -> Iterator[Change]:
    old, new = pair.old, pair.new
    if not isinstance(old, Float | Int | NumberList) or not isinstance(new, Float | Int | NumberList):
        return
    if (old.min, old.max) != (new.min, new.max):
        what = f"the range was {_in_words(old)} and is {_in_words(new)} now"
        yield pair.judged(
            what, "range", "that send numbers outside", clients=not _within(old, new), models=not _within(new, old)
        )


def _within(inner: Float | Int | NumberList, outer: Float | Int | NumberList) -> bool:
    above = outer.min is None or (inner.min is not None and inner.min >= outer.min)
    return above and (outer.max is None or (inner.max is not None and inner.max <= outer.max))


def _in_words(feature: Float | Int | NumberList) -> str:
    match feature.min, feature.max:
        case None, None:
            return "any number"
        case None, high:
            return f"at most {high:.15g}"
        case low, None:
            return f"at least {low:.15g}"
        case low, high:
            return f"{low:.15g} to {high:.15g}"


def _values(pair: _Pair) -> Iterator[Change]:
    if not isinstance(pair.old, String | Category) or not isinstance(pair.new, String | Category):
        return
    old, new = _listed(pair.old), _listed(pair.new)
    if old is not None and new is not None:
        gone, come = sorted(old - new), sorted(new - old)
        parts = [f"{word} {_some(values)}" for word, values in (("no longer lists", gone), ("lists", come)) if values]
        if parts:
            senders = "that send those it no longer lists"
            yield pair.judged(" and ".join(parts), "category", senders, clients=bool(gone), models=bool(come))
    elif new is not None:
        what = f"lists {len(new)} values now, and took any text"
        yield pair.judged(what, "category", "that send any other", clients=True, models=False)
    elif old is not None:
        yield pair.judged("takes any text now", "category", "", clients=False, models=True)


def _listed(feature: String | Category) -> frozenset[str] | None:
    """The texts that a feature takes; None for all."""
    return frozenset(feature.values) if isinstance(feature, Category) and feature.values is not None else None


def _some(values: list[str]) -> str:
    more = f" and {len(values) - 5} more" if len(values) > 5 else ""
    return ", ".join(map(repr, values[:5])) + more


def _null(pair: _Pair) -> Iterator[Change]:
    if pair.old.nullable and not pair.new.nullable:
        yield pair.judged("may no longer be null", "null", "that send null", clients=True, models=False)
    elif pair.new.nullable and not pair.old.nullable:
        yield pair.judged("may be null now", "null", "", clients=False, models=True)


def _required(pair: _Pair) -> Iterator[Change]:
    if pair.new.required and not pair.old.required:
        yield pair.judged("is required now", "missing", "that leave it out", clients=True, models=False)
    elif pair.old.required and not pair.new.required:
        yield pair.judged("may be left out now", "missing", "", clients=False, models=True)


def _unit(pair: _Pair) -> Iterator[Change]:
    if pair.old.unit != pair.new.unit:
        what = f"is measured in {pair.new.unit or 'a unit that nobody names'} now, and was in {pair.old.unit or 'one that nobody named'}"
        known = pair.old.unit is not None and pair.new.unit is not None
        consequence = (
            "no check sees it: clients and models must change with it"
            if known
            else "nothing changes for who meant that"
        )
        yield pair.change(what, consequence, clients=known, models=known)


def _aliases(pair: _Pair) -> Iterator[Change]:
    for alias in pair.new.aliases:
        if alias not in pair.old.aliases and alias not in pair.old_schema.features:
            yield pair.change(f"may arrive as {alias!r} now", clients=pair.old_schema.on_unknown == "ignore")
    for alias in pair.old.aliases:
        if alias not in pair.new.aliases and alias not in pair.new_schema.features:
            fate = _fate(pair.new_schema, pair.new, "missing" if pair.new.required else "unknown")
            what = f"is no longer looked for under {alias!r}"
            ignored = pair.new_schema.on_unknown == "ignore"
            yield pair.change(what, f"clients that call it so are {fate}", clients=True, models=ignored)


def _unseen(pair: _Pair) -> Iterator[Change]:
    old, new = pair.old, pair.new
    if isinstance(old, Category) and isinstance(new, Category) and old.on_unseen != new.on_unseen:
        before = old.on_unseen or pair.old_schema.on_violation
        after = new.on_unseen or pair.new_schema.on_violation
        if before != after:
            yield _stricter(pair.name, f"{pair.name}: a value that is not listed is", before, after)


def _source(pair: _Pair) -> Iterator[Change]:
    if pair.old.source != pair.new.source:
        yield pair.change(
            f"comes from {pair.new.source or 'nobody named'} now, and came from {pair.old.source or 'nobody named'}"
        )


def _of_policies(old: Schema, new: Schema) -> Iterator[Change]:
    if old.on_violation != new.on_violation:
        yield _stricter("", "a row that breaks the schema is", old.on_violation, new.on_violation)
    if old.on_unknown != new.on_unknown:
        yield _stricter("", "a row with a field that the schema does not know is", old.on_unknown, new.on_unknown)


def _stricter(feature: str, subject: str, before: Action, after: Action) -> Change:
    """A change of what is done about rows: who is treated more harshly notices, and who gets what was held back."""
    sentence = f"{subject} {_FATES[after]} now, and was {_FATES[before]}"
    clients = SEVERITY[after] > SEVERITY[before]
    return Change(feature=feature, clients=clients, models=not clients, sentence=sentence)


_FATES: dict[Action, str] = {"reject": "rejected", "warn": "passed and marked", "ignore": "passed"}


def _fate(schema: Schema, feature: AnyFeature, kind: Kind) -> str:
    """What becomes of rows with a violation, in words."""
    if kind == "unknown":
        return f"{_FATES[schema.on_unknown]} ({kind})"
    unseen = feature.on_unseen if kind == "category" and isinstance(feature, Category) else None
    return f"{_FATES[unseen or schema.on_violation]} ({kind})"


def _noun(feature: AnyFeature) -> str:
    return "one of a list of texts" if isinstance(feature, Category) and feature.values is not None else feature.noun()
