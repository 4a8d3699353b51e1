"""How much a feature moves of itself: between the chunks of training, and from one look to the next.

Half a year of flights holds winter and no summer, and an hour of flights one weather. If rows were drawn independently from one
population, chunks of n rows would differ by 1/n, the noise of counting. What they differ by beyond that is their own movement, and only
what moves more than that is news.

**Distance.** Two sets of shares p and p' lie `sum((p - p')**2 / q) / (bins - 1)` apart, q being the shares of the whole reference. Counting n
rows of one population twice gives 2 / n on average, so a distance reads as "known as if from so few rows"; and the shares of a
Dirichlet distribution of concentration c around q lie 1 / (c + 1) from q. The noise of counting is always taken off, so that
distances here are those of the populations, and may come out slightly below zero when nothing moves.

**Two movements.** Half of the mean distance of chunks that lie h chunks apart, their *variogram* (Matheron, "Principles of geostatistics", 1963),
is fitted as `noise + walk * h`:

- *noise* is there however near chunks are: rows of one plane, one storm, one hour come together. What comes in clumps averages out:
  a stretch n times as long has an n-th of it. `clump` is in rows: a stretch of n rows moves by clump / n, and clump + 1 is the
  design effect of survey statistics (Kish, "Survey sampling", 1965).
- *walk* grows with the distance in time, as that of a random walk does: seasons, growth, fashion. What is served after training is further
  from it than the chunks of training were from each other; `walked` extrapolates.

**Calibration.** Movement has a direction (a calm week moves all wind speeds down) and comes in bursts (one storm), a Dirichlet distribution
has neither. So each chunk of training is bet upon against all others, and both movements are widened until no such bet wins: training itself must be
no finding.

**From look to look.** Training's chunks are longer than looks and cannot say what happens inside of them: an hour of the day is a
different one in each look, and all are in each chunk. So the looks themselves are asked, by the distance of adjacent stretches of 1, 2, 4, …
looks (Allan, "Statistics of atomic frequency standards", 1966), of which the median counts: a change that lasts is between two of many.
Stretches that are shorter than all that has been compared may hold anything.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import chi2

from hyperplan.skew.evidence import shares_of
from hyperplan.skew.view import BINNED, View

Floats = NDArray[np.float64]

SMALLEST = 0.05
"""The smallest PSI that matters. Folklore reads 0.1 as a moderate change; an estimate from a thousand rows falls short of it by up to 0.05."""
AHEAD = 0.5
"""How long after the end of training a model serves, in lengths of its training, when nobody knows."""
FEWEST_LOOKS = 10
"""Looks that there must be to learn from them how looks differ."""
FEWEST_STRETCHES = 8
"""How many times longer the looks must be than the longest stretches of them that are compared: fewer, and a change would be in most pairs."""
FURTHEST = 0.999
"""The greatest distance that is allowed: 1 is that of rows that are all alike, whichever they are."""
CAUTION = 0.2
"""How likely movement is to be larger than what is taken for it, if it is one of so few chunks and has one direction."""
LUCK = math.log(2)
"""What a bet on a chunk of training may win: twice its stake."""
WIDENINGS = np.geomspace(1, 1000, 40)
"""How many times wider than the estimate movement may be found to be."""
USUAL = 0.95
"""The share of chunks whose distance from the others is called usual, and of references whose differences are taken for chance."""


class Movement(NamedTuple):
    """How far the shares of a stretch of rows lie from those of the reference when nothing is wrong.

    `clump` is in rows, `walk` the distance walked per row of training, `trained` the rows of training, `chunk` those of a chunk of it, `shortest` those of the shortest stretch
    that was compared with others. `usual` is the PSI of a chunk of training against the others that only one in twenty
    exceeds, beyond what counting explains. `rows` and `clumps` are what the looks say, by the lengths of stretches. `view` compares what chunks
    and looks hold.
    """

    clump: float = 0.0
    walk: float = 0.0
    trained: float = 0.0
    chunk: float = 0.0
    shortest: float = 0.0
    usual: float = 0.0
    rows: Floats = np.zeros(0)
    clumps: Floats = np.zeros(0)
    view: View = BINNED

    def noise(self, rows: Floats) -> Floats:
        """The distance between a stretch of so many rows and the population around it."""
        sizes = np.maximum(rows, 1.0)
        clumps = np.full(sizes.shape, self.clump)
        if self.rows.size:
            clumps = np.maximum(clumps, np.interp(np.log(sizes), np.log(self.rows), self.clumps))
        return np.where(rows < self.shortest, FURTHEST, clumps / sizes)

    def walked(self) -> float:
        """The distance between the mean of training and a place beyond its end (the variance of kriging an average)."""
        return self.walk * self.trained * (2 / 3 + 2 * AHEAD)

    def from_training(self, rows: Floats, trained: Floats) -> Floats:
        """The distance that so many served rows may have from those of training, the noise of counting these included."""
        return np.minimum(self.noise(rows) + self.walked() + 1 / trained, FURTHEST)

    def from_before(self, rows: Floats, before: Floats) -> Floats:
        """The distance that so many rows may have from so many just before them."""
        walked = self.walk * (rows + before)
        return np.minimum(self.noise(rows) + self.noise(before) + walked + 1 / np.maximum(before, 1.0), FURTHEST)

    def effect(self, sums: Floats, reference: Floats) -> float:
        """The PSI of rows against others, less what counting them and the clumps of a stretch shorter than training's chunks make of it."""
        return float(self.effects(sums, reference))

    def effects(self, sums: Floats, reference: Floats) -> Floats:
        """The same of many stretches, each against its own or the same others."""
        rows, others = self.view.rows(sums), self.view.rows(reference)
        clumps = np.maximum(self.noise(rows) - self.clump / np.maximum(self.chunk, rows), 0.0)
        counting = 1 / np.maximum(rows, 1.0) + 1 / np.maximum(others, 1.0)
        chance = self.view.freedom(sums.shape[-1]) * (counting + clumps)
        return np.asarray(self.view.stability(sums, reference) - chance)

    def must_exceed(self) -> float:
        """The effect that matters: a PSI that is not small, and more than what is usual for chunks of training."""
        return max(SMALLEST * self.view.sight(), self.usual)

    def seen_in(self, looks: Floats, shares: Floats) -> "Movement":
        """This movement with what looks say, from their counts in order of time."""
        looks = looks[self.view.rows(looks) > 0]
        if len(looks) < FEWEST_LOOKS:
            return self
        lengths = 2 ** np.arange(int(np.log2(len(looks) / FEWEST_STRETCHES)) + 1)
        rows, clumps = zip(*(_clumps(looks, int(length), shares, self.view) for length in lengths), strict=True)
        # What alternates cancels out in stretches of just the right length, and in no others.
        return self._replace(rows=np.array(rows), clumps=np.maximum.accumulate(clumps), shortest=0.0)


def _clumps(looks: Floats, length: int, shares: Floats, view: View) -> tuple[float, float]:
    """Rows of a stretch of so many looks, and the clumps in which they come: all stretches are held against the one just after."""
    totals = np.concatenate([np.zeros((1, looks.shape[1])), np.cumsum(looks, axis=0)])
    stretches = totals[length:] - totals[:-length]
    rows = float(view.rows(stretches).mean())
    apart = float(np.median(distance(stretches[:-length], stretches[length:], shares, view))) / 2
    return rows, max(apart, 0.0) * rows


def distance(one: Floats, other: Floats, shares: Floats, view: View = BINNED) -> Floats:
    """How far apart the rows of two stretches (sums on the last axis) are beyond the noise of counting them."""
    apart = ((view.vector(one, shares) - view.vector(other, shares)) ** 2).sum(axis=-1)
    return np.asarray(apart / view.freedom(one.shape[-1]) - 1 / view.rows(one) - 1 / view.rows(other))


def of_training(chunks: Floats, view: View = BINNED) -> Movement:
    """The movement of a reference, from the counts of its chunks (by chunk and bin) in order of time.

    A single chunk shows none. Nor does no row at all, of which no stretch can be judged until looks have been compared.
    """
    chunks = chunks[view.rows(chunks) > 0]
    sizes = view.rows(chunks)
    count, total = len(chunks), float(sizes.sum())
    if count < 2:
        return Movement(trained=total, chunk=total, shortest=total or math.inf, view=view)
    others, shares, size = chunks.sum(axis=0) - chunks, shares_of(chunks.sum(axis=0)), total / count
    noise, walk = _fitted(chunks, shares, view) if _moves(chunks, shares, view) else (0.0, 0.0)
    few = (count - 1) / chi2.ppf(CAUTION, count - 1)
    widened = _widening(chunks, others, shares, view)
    # What is widened is all that a stretch moves by, counting included: chunks that never moved may still have met one storm.
    return Movement(
        clump=widened * (few * noise * size + 1) - 1,
        walk=widened * few * walk / size,
        trained=total,
        chunk=size,
        shortest=float(sizes.min()),
        usual=_usual(chunks, others, view),
        view=view,
    )


def _moves(chunks: Floats, shares: Floats, view: View) -> bool:
    """Whether chunks differ by more than counting makes nineteen of twenty references differ: Pearson's test of homogeneity.

    What it does not find is too little for a change that matters, while the fit would make something of mere noise, and extrapolate it.
    """
    freedom = view.freedom(chunks.shape[1]) * (len(chunks) - 1)
    whole = view.vector(chunks.sum(axis=0), shares)
    apart = view.rows(chunks) @ ((view.vector(chunks, shares) - whole) ** 2).sum(axis=1)
    return bool(apart > chi2.ppf(USUAL, freedom))


def _fitted(chunks: Floats, shares: Floats, view: View) -> tuple[float, float]:
    """Noise of a chunk, and walk from one to the next."""
    count = len(chunks)
    lags = np.unique(np.round(np.geomspace(1, max(count * 3 // 4, 1), 12)).astype(int))
    seen = np.array([distance(chunks[:-lag], chunks[lag:], shares, view).mean() / 2 for lag in lags])
    weights = np.sqrt(count - lags)
    terms = np.stack([np.ones(lags.size), lags.astype(np.float64)], axis=1)[:, : lags.size]
    fitted, _ = nnls(terms * weights[:, None], np.maximum(seen, 0.0) * weights)
    return float(fitted[0]), float(fitted[1]) if fitted.size > 1 else 0.0


def _widening(chunks: Floats, others: Floats, shares: Floats, view: View) -> float:
    """How many times wider movement must be for no bet on a chunk, against the others, to win."""
    sizes = view.rows(chunks)
    moved = max(float(distance(chunks, others, shares, view).mean()), 0.0)
    for widening in WIDENINGS:
        allowed = np.clip(widening * (moved + 1 / sizes) - 1 / sizes, 0.0, FURTHEST)
        bets = view.further(chunks, others, np.minimum(allowed + 1 / view.rows(others), FURTHEST))
        if bets.max() <= LUCK:
            break
    return float(widening)


def _usual(chunks: Floats, others: Floats, view: View) -> float:
    counting = chi2.ppf(USUAL, view.freedom(chunks.shape[1])) * (1 / view.rows(chunks) + 1 / view.rows(others)).mean()
    return max(float(np.quantile(view.stability(chunks, others), USUAL) - counting), 0.0)
