"""Whether what an unknown field holds is what a feature has held: three of four witnesses to a rename, as log likelihood ratios in nats.

For: the field is the feature under another name, and holds what the feature would have held. Against: it is something else, which looks as other
columns do (`strangers`).

- **values**: how the field's values fall into the feature's bins (`unhashing`). What the feature would hold now is foretold from what it
  held lately, just before, and in training; how near such foretelling comes is learnt by foretelling each stretch of the past from those before
  it, so that hours of the day, which nobody foretells, count for little, and what is steady counts for much.
- **distinct**: how many distinct values it has, in so many rows.
- **null**: how often it is null.

Likelihoods are Dirichlet-multinomials (`evidence`) averaged over their concentrations: Bayes factors, not e-values, since training's own
movement is only estimated. Nothing is learnt of a field all of whose values are foreign when the feature's own would be.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from hyperplan.profile import FeatureProfile
from hyperplan.profile.categories import CategoryCounts
from hyperplan.skew.bins import holds_texts, numbers_of
from hyperplan.skew.evidence import average, log_likelihood
from hyperplan.skew.strangers import as_another
from hyperplan.skew.unhashing import Shares, Sorted, Unhashed

CONCENTRATIONS = (4.0, 16.0, 64.0, 256.0)
"""How closely the shares of a stretch may follow what was foretold."""
KINDS = (4.0, 200.0)
"""The same of the shares of values that the feature has, never had, and could not have: most features hardly move between these."""
LEARNT = 0.2
"""What a row of the past counts for where models are weighed by how well they foretold it: rows of one hour repeat each other."""
UNLEARNT = 0.5
"""The weight that is left to all models alike, whatever the past says: days differ."""

Models = dict[tuple[int, float, float], float]


FEWEST = 2
"""Stretches that there must be to learn from; before, the last chunks of training are among them."""


class History(NamedTuple):
    """What a feature held: in all of training, in its last chunks, and in stretches of serving before it was gone, oldest first."""

    training: FeatureProfile
    chunks: Sequence[FeatureProfile]
    stretches: Sequence[FeatureProfile]

    def past(self) -> Sequence[FeatureProfile]:
        """What one can learn from how the feature goes on."""
        return self.stretches if len(self.stretches) >= FEWEST else [*self.chunks, *self.stretches]


def values(unhashed: Unhashed, history: History, field: FeatureProfile, others: Sequence[Sorted] = ()) -> float:
    """The evidence of the field's values; `others` are those of other features over the same rows."""
    found = unhashed.of_hashes(field)
    if not found.kinds().sum():
        return 0.0
    training = unhashed.of_values(history.training)
    past = [unhashed.of_values(stretch) for stretch in history.past()]
    return _as_feature(found, training, past) - as_another(found, _expected(training, past), others)


def _as_feature(found: Sorted, training: Sorted, past: Sequence[Sorted]) -> float:
    """The log likelihood of what was found if the feature goes on."""
    learnt: Models = {}
    for place in range(1, len(past)):
        for model, said in _foretold(past[place], training, past[:place]).items():
            learnt[model] = learnt.get(model, 0.0) + LEARNT * said
    models = _foretold(found, training, past)
    weights = np.array([learnt.get(model, -math.inf if learnt else 0.0) for model in models])
    weights = np.logaddexp(
        weights - logsumexp(weights) + math.log(1 - UNLEARNT), math.log(UNLEARNT) - math.log(len(models))
    )
    return float(logsumexp(weights + np.array(list(models.values()))))


def _foretold(rows: Sorted, training: Sorted, past: Sequence[Sorted]) -> Models:
    """How likely each model made some rows: by what it goes on from, and how closely."""
    return {
        (place, steady, concentration): float(log_likelihood(rows.kinds(), steady * shares.kinds))
        + float(log_likelihood(rows.bins, concentration * shares.bins))
        for place, shares in enumerate(_expected(training, past))
        for steady in KINDS
        for concentration in CONCENTRATIONS
    }


def _expected(training: Sorted, past: Sequence[Sorted]) -> list[Shares]:
    """The shares that one may expect: those of training, lately, just before, and a mean of the three."""
    several = [training.shares()]
    if past:
        lately = Sorted(
            np.sum([one.bins for one in past], axis=0), sum(one.never for one in past), sum(one.foreign for one in past)
        )
        several += [lately.shares(), past[-1].shares()]
    return [*several, Shares(*(np.mean(side, axis=0) for side in zip(*several, strict=True)))]


def distinct(history: History, field: FeatureProfile) -> float:
    """The evidence of how many distinct values there are, if stretches of about as many rows are known."""
    counted = [math.log(1 + distinct_values(stretch)) for stretch in history.stretches if stretch.usable]
    if not counted:
        return 0.0
    mean, spread = float(np.mean(counted)), math.hypot(float(np.std(counted)), ROUGHLY)
    here = math.log(1 + distinct_values(field))
    own = np.logaddexp(norm.logpdf(here, mean, spread) + math.log(0.9), norm.logpdf(here, mean, 1.0) + math.log(0.1))
    return float(own - norm.logpdf(here, *OTHERS))


ROUGHLY = 0.1
"""The logarithm of the error of a count of distinct values."""
OTHERS = (math.log(40), 1.2)
"""Mean and deviation of the logarithm of how many distinct values columns have in some hundred rows."""


def distinct_values(profile: FeatureProfile) -> float:
    """How many distinct values a profile holds, about."""
    if not holds_texts(profile):
        return numbers_of(profile).sample.distinct()
    return sum(_distinct_texts(counts) for counts in (profile.values, profile.unseen_values) if counts is not None)


def _distinct_texts(counts: CategoryCounts) -> float:
    """Of a bottom-k sample the largest hash says how many there were (Bar-Yossef and others, 2002)."""
    end = counts.horizon()
    if end is None:
        return len(counts.counts)
    reached = int.from_bytes(end, "big") / 2 ** (8 * len(end))
    return (len(counts.counts) - 1) / reached if reached else len(counts.counts)


def nulls(history: History, field: FeatureProfile) -> float:
    """The evidence of how often it is null."""
    whole = FeatureProfile.merged(history.stretches) if history.stretches else history.training
    null, present = whole.null, whole.present
    if not present:
        return 0.0
    rate = (null + 0.5) / (present + 1)
    found = np.array([field.null, field.present - field.null], np.float64)
    own = [float(log_likelihood(found, np.array([rate, 1 - rate]) * each)) for each in (5.0, 30.0, float(present + 1))]
    another = [float(log_likelihood(found, np.array(prior))) for prior in ((0.02, 1.0), (1.0, 1.0))]
    return float(average(own) - average(another))
