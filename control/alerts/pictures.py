"""Pictures of what the store holds: the training data of a model and what was served, of one feature."""

from typing import NamedTuple

from control.stores import Store
from hyperplan.endpoint import Endpoint
from hyperplan.pictures import Caption, picture_of
from hyperplan.profile import FeatureProfile, Profile
from hyperplan.windows import profile_of


class Asked(NamedTuple):
    """Which picture: a feature, or an output of a model, over a time (nanoseconds since 1970), and when what is wrong began."""

    endpoint: Endpoint
    model: str
    feature: str
    since: int
    until: int
    onset: int | None = None


class Nothing(NamedTuple):
    """There is nothing to draw, and why."""

    why: str


def picture(store: Store, asked: Asked) -> str | Nothing:
    """The picture as SVG."""
    name = asked.endpoint.name
    reference = store.references.get(name, asked.model)
    if reference is None:
        return Nothing(f"the model {asked.model!r} of {name!r} has no reference yet; make one with `hyperplan profile`")
    training = _of(reference.merged(), asked.feature)
    buckets = store.windows.find(name, asked.since, asked.until)
    served = _of(profile_of(buckets, asked.model), asked.feature)
    if training is None and served is None:
        return Nothing(
            f"nothing is known of {asked.feature!r}: it is no feature of {name!r}, or was neither trained on nor served"
        )
    feature = asked.endpoint.schema.features.get(asked.feature)
    caption = Caption(asked.feature, unit=feature.unit if feature else None, onset=asked.onset)
    return picture_of(training or FeatureProfile(), served or FeatureProfile(), caption)


def _of(profile: Profile, name: str) -> FeatureProfile | None:
    return profile.features.get(name) or profile.outputs.get(name)
