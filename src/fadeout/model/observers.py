"""What several searchers of one strip found, each of them alone: how well each detects, and what all missed.

Reads   which searcher found which item, and each item's distance from the line walked
Gives   `Observers`: detection of each searcher, items that all missed, with intervals and in words
Knows   nothing of persons, devices or files; an item that nobody found is never among the data
Start   at `observers`; `imagined` makes a SIMULATED search with known truth

Searcher k finds item i with logit p = α_k + β x_i + σ z_i. x = (distance / reach)² is uniform in distance
over the strip; z_i ~ N(0, 1) is how easily *this* item is seen, by everybody alike. Without z what one
searcher finds says nothing about what another misses, and the number missed comes out too low.

Items without a find are unseen, so the likelihood is conditional on a find, Π_i P(y_i, x_i) / (1 − π)ⁿ, π
the chance that all miss an item. Under the prior 1/N for the number of items this is exactly what is left
when N is summed out (Σ_N C(N, n) π^(N−n) (1−π)ⁿ / N = 1/n), and the number missed given the parameters is
negative binomial (n, 1 − π). With m the finds of an item and u = β x + σ z,

    P(y, x) = exp(Σ_k y_k α_k) ∫ φ(z) exp(m u) Q(u) dz,     Q(u) = Π_k 1 / (1 + exp(α_k + u)),

summed over equidistant z: for smooth integrands as exact as Gauss–Hermite, and finer where σ is large (its
nodes then lie wider apart than Q is). Distance in π is integrated by Gauss–Legendre.

The posterior is drawn by importance sampling: Student t about the mode, moved twice to what was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

EASE = np.linspace(-5.5, 5.5, 45)  # z; beyond lies 4e-8 of the items
EASE_WEIGHT = np.exp(-0.5 * EASE**2) / np.exp(-0.5 * EASE**2).sum()
NODES, NODE_WEIGHT = np.polynomial.legendre.leggauss(24)
FARTHEST = 60.0  # u beyond which a chance is 0 or 1
HIGHEST = (25.0, 40.0, 20.0)  # |α|, |β|, σ beyond which the weak prior leaves less than 1e-20
LOWEST = 0.3  # σ at which the search for the mode ends; the draws go on to 0
FREEDOM = 5.0  # of the Student t that proposes; heavier tails than any posterior here
MOVES = 2  # times the proposal follows what it drew
RELIABLE = 200.0  # effective draws from which an interval's end is good to a tenth of its width (assumed)
AT_ONCE = 16  # draws whose densities are summed at once, so that they stay in the cache
TOGETHER = 8  # searchers multiplied before a logarithm: exp(8 (60 + 25)) is still a number


@dataclass(frozen=True)
class ObserversPrior:
    """Weak priors, all on the logit of a chance; all assumed.

    Searchers resemble one another: α_k = level + own_k. `fall` is β, what the logit loses from the line
    walked to the edge of the strip.
    """

    level: float = 0.0
    level_sd: float = 2.0
    own_sd: float = 1.0
    fall: float = -2.0
    fall_sd: float = 3.0
    spread: float = 2.0  # of the half-normal of σ

    def __post_init__(self) -> None:
        """Refuse widths that are none."""
        widths = (self.level_sd, self.own_sd, self.fall_sd, self.spread)
        if not all(np.isfinite(width) and width > 0 for width in widths):
            raise ValueError(f"widths of a prior must lie above 0; got {widths}")


WEAK = ObserversPrior()


@dataclass(frozen=True)
class Observers:
    """What the finds of several searchers say about each of them, and about what all missed."""

    found: int  # items that at least one found
    found_by: Ints  # (searchers,)
    detection: Array  # (draws, searchers): chance to find an item lying anywhere in the strip
    missed: Ints  # (draws,): items of the strip that nobody found
    spread: Array  # (draws,): σ
    level: float  # of the intervals
    effective: float  # draws that count, of those weighed
    words: str

    @property
    def total_interval(self) -> tuple[int, int]:
        """Items in the strip, found or not: both ends belong to it."""
        low, high = self.missed_interval
        return self.found + low, self.found + high

    @property
    def missed_interval(self) -> tuple[int, int]:
        """Items that nobody found: both ends belong to it."""
        return _whole_interval(self.missed, self.level)

    @property
    def missed_median(self) -> int:
        """The middle of the draws of items that nobody found."""
        return int(np.quantile(self.missed, 0.5, method="inverted_cdf"))

    @property
    def detection_interval(self) -> Array:
        """Low and high end for each searcher, shape (searchers, 2)."""
        tail = (1.0 - self.level) / 2.0
        return np.asarray(np.quantile(self.detection, (tail, 1.0 - tail), axis=0).T)

    @property
    def reliable(self) -> bool:
        """Whether enough draws count."""
        return self.effective >= RELIABLE


def observers(
    found: ArrayLike,
    distance_m: ArrayLike | None = None,
    *,
    reach_m: float | None = None,
    seed: int,
    prior: ObserversPrior = WEAK,
    draws: int = 2000,
    level: float = 0.9,
) -> Observers:
    """Estimate each searcher's detection and the items that all missed, from what each found alone.

    Parameters
    ----------
    found : array of bool, shape (items, searchers)
        Who found what, two searchers or more, none told by another. Rows without a find are not used.
    distance_m : array, shape (items,), optional
        Each item's distance from the line walked, in metres; items lie evenly over the strip.
    reach_m : float, optional
        Half the width of the strip in metres; asked for with `distance_m`.
    seed : int
        Same seed, same draws.
    prior : ObserversPrior
        Weak unless something is known.
    draws : int
        Draws kept; twice as many are weighed.
    level : float
        Of the intervals, between 0 and 1.

    Returns
    -------
    Observers
        What it says of items that no searcher could ever see is nothing but the tail of a normal.

    Raises
    ------
    ValueError
        If shapes do not fit, fewer than two searched, nobody found anything, or an item lies off the strip.

    Examples
    --------
    >>> search = imagined(120, 4, seed=3)
    >>> estimate = observers(search.found, search.distance_m, reach_m=search.reach_m, seed=1)
    >>> low, high = estimate.missed_interval
    >>> low <= search.missed <= high
    True
    """
    data = _data(found, distance_m, reach_m)
    if draws < 100 or not 0 < level < 1:
        raise ValueError(f"asked for {draws} draws and level {level:g}: give 100 or more, and 0 < level < 1")
    rng = np.random.default_rng(seed)
    theta, effective = _posterior(data, prior, draws, rng)
    one, all_miss = _chances(theta, data)
    missed = rng.negative_binomial(data.count, np.maximum(1.0 - all_miss, 1e-12))
    result = Observers(
        found=data.count,
        found_by=data.found_by,
        detection=one,
        missed=np.asarray(missed, dtype=np.int64),
        spread=theta[:, -1],
        level=level,
        effective=effective,
        words="",
    )
    return Observers(**{**result.__dict__, "words": _words(result)})


@dataclass(frozen=True)
class ImaginedSearch:
    """A SIMULATED search: what was found, with the truth beside it."""

    found: Mask  # (items, searchers), also items that nobody found
    distance_m: Array
    reach_m: float
    detection: Array  # (searchers,): true chance to find an item lying anywhere in the strip

    @property
    def missed(self) -> int:
        """Items that nobody found."""
        return int((~self.found.any(axis=1)).sum())


def imagined(
    items: int, searchers: int, *, seed: int, prior: ObserversPrior = WEAK, reach_m: float = 20.0
) -> ImaginedSearch:
    """Draw searchers from the prior and let them search: SIMULATED, for calibration.

    Examples
    --------
    >>> imagined(50, 3, seed=1).found.shape
    (50, 3)
    """
    rng = np.random.default_rng(seed)
    alpha = rng.normal(prior.level, prior.level_sd) + rng.normal(0.0, prior.own_sd, searchers)
    beta, sigma = rng.normal(prior.fall, prior.fall_sd), abs(rng.normal(0.0, prior.spread))
    distance = rng.uniform(0.0, reach_m, items)
    u = beta * (distance / reach_m) ** 2 + sigma * rng.normal(size=items)
    found = rng.random((items, searchers)) < special.expit(alpha + u[:, None])
    theta = np.concatenate([alpha, [beta, sigma]])[None]
    empty = _Data(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(searchers, dtype=np.int64), 0, True)
    return ImaginedSearch(found, distance, reach_m, _chances(theta, empty)[0][0])


@dataclass(frozen=True)
class _Data:
    """Items with a find, those of one m and x taken together."""

    finds: Array  # m
    place: Array  # x
    times: Array  # items of this m and x
    found_by: Ints
    count: int
    by_distance: bool

    @property
    def searchers(self) -> int:
        return len(self.found_by)


def _data(found: ArrayLike, distance_m: ArrayLike | None, reach_m: float | None) -> _Data:
    """Check what was given and leave out rows without a find."""
    seen = np.asarray(found)
    if seen.ndim != 2 or seen.shape[1] < 2:
        raise ValueError(
            f"found must have shape (items, searchers), two searchers or more; got {seen.shape}. "
            "One searcher alone says nothing about what was missed."
        )
    bad = np.argwhere((seen != 0) & (seen != 1))
    if len(bad):
        row, col = bad[0]
        raise ValueError(f"found must be true or false; item {row}, searcher {col} has {seen[row, col]}")
    seen = seen.astype(bool)
    some = seen.any(axis=1)
    if not some.any():
        raise ValueError("nobody found anything, which says nothing about how many items lie there")
    place = np.zeros(len(seen)) if distance_m is None else _places(distance_m, reach_m, len(seen))
    groups, times = np.unique(
        np.column_stack([seen[some].sum(axis=1), place[some]]), axis=0, return_counts=True
    )
    return _Data(
        finds=groups[:, 0],
        place=groups[:, 1],
        times=times.astype(np.float64),
        found_by=seen.sum(axis=0),
        count=int(some.sum()),
        by_distance=distance_m is not None,
    )


def _places(distance_m: ArrayLike, reach_m: float | None, items: int) -> Array:
    distance = np.asarray(distance_m, dtype=np.float64)
    if distance.shape != (items,):
        raise ValueError(f"distance_m must have one value for each of {items} items; got {distance.shape}")
    if reach_m is None or not (np.isfinite(reach_m) and reach_m > 0):
        raise ValueError(f"with distances, reach_m (half the strip's width) must be given; got {reach_m}")
    bad = np.flatnonzero(~((distance >= 0) & (distance <= reach_m)))
    if len(bad):
        raise ValueError(
            f"distances must lie in 0 to reach_m = {reach_m:g} m; item {bad[0]} has "
            f"{distance[bad[0]]:g} ({len(bad)} such items)"
        )
    return np.asarray((distance / reach_m) ** 2)


def _parts(theta: Array, data: _Data) -> tuple[Array, Array, Array]:
    """α, β and σ of each draw; β is 0 where no distances were given."""
    count = data.searchers
    beta = theta[:, count] if data.by_distance else np.zeros(len(theta))
    return theta[:, :count], beta, theta[:, -1]


def _strip(data: _Data) -> tuple[Array, Array]:
    """Places x over the strip, and their weights."""
    if not data.by_distance:
        return np.zeros(1), np.ones(1)
    return (0.5 * (NODES + 1.0)) ** 2, 0.5 * NODE_WEIGHT


def _log_missed(alpha: Array, u: Array) -> Array:
    """Give log Q(u), u of shape (draws, places, ease)."""
    odds, out = np.exp(u), np.zeros(u.shape)
    for first in range(0, alpha.shape[1], TOGETHER):
        product = np.ones(u.shape)
        for k in range(first, min(first + TOGETHER, alpha.shape[1])):
            product *= 1.0 + np.exp(alpha[:, k])[:, None, None] * odds
        out -= np.log(product)
    return out


def _worth(beta: Array, sigma: Array, place: Array) -> Array:
    """Give u of shape (draws, places, ease)."""
    u = beta[:, None, None] * place[:, None] + sigma[:, None, None] * EASE
    return np.asarray(np.clip(u, -FARTHEST, FARTHEST))


def _chances(theta: Array, data: _Data) -> tuple[Array, Array]:
    """Per draw: each searcher's chance to find an item of the strip, and the chance that all miss it."""
    alpha, beta, sigma = _parts(theta, data)
    place, weight = _strip(data)
    one, none = np.empty(alpha.shape), np.empty(len(theta))
    for first in range(0, len(theta), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        u = _worth(beta[some], sigma[some], place)
        none[some] = np.exp(_log_missed(alpha[some], u)) @ EASE_WEIGHT @ weight
        for k in range(alpha.shape[1]):
            one[some, k] = special.expit(alpha[some, k][:, None, None] + u) @ EASE_WEIGHT @ weight
    return one, none


def _log_density(theta: Array, data: _Data, prior: ObserversPrior) -> Array:
    """Log posterior density of each row of θ = (α, β, σ), up to a constant; −∞ beyond what can be."""
    alpha, beta, sigma = _parts(theta, data)
    possible = (np.abs(alpha).max(axis=1) <= HIGHEST[0]) & (np.abs(beta) <= HIGHEST[1])
    possible &= (sigma <= HIGHEST[2]) & (sigma >= 0)
    out = np.full(len(theta), -np.inf)
    (rows,) = np.nonzero(possible)
    strip, weight = _strip(data)
    for first in range(0, len(rows), AT_ONCE):
        row = rows[first : first + AT_ONCE]
        none = np.exp(_log_missed(alpha[row], _worth(beta[row], sigma[row], strip)))
        u = _worth(beta[row], sigma[row], data.place)
        seen = np.exp(data.finds[:, None] * u + _log_missed(alpha[row], u)) @ EASE_WEIGHT
        some = np.maximum(1.0 - none @ EASE_WEIGHT @ weight, 1e-12)
        out[row] = np.log(np.maximum(seen, 1e-300)) @ data.times + alpha[row] @ data.found_by
        out[row] -= data.count * np.log(some)
    out[rows] += _log_prior(alpha[rows], beta[rows], sigma[rows], data, prior)
    return out


def _log_prior(alpha: Array, beta: Array, sigma: Array, data: _Data, prior: ObserversPrior) -> Array:
    """Normal α that share a level (summed out), normal β, half-normal σ."""
    off, count = alpha - prior.level, alpha.shape[1]
    own, shared = prior.own_sd**2, prior.level_sd**2
    square = (off**2).sum(axis=1) - shared / (own + count * shared) * off.sum(axis=1) ** 2
    out = -0.5 * square / own - 0.5 * (sigma / prior.spread) ** 2
    if data.by_distance:
        out = out - 0.5 * ((beta - prior.fall) / prior.fall_sd) ** 2
    return np.asarray(out)


def _posterior(
    data: _Data, prior: ObserversPrior, draws: int, rng: np.random.Generator
) -> tuple[Array, float]:
    """Draws of θ, and how many of those weighed count."""
    middle, spread = _mode(data, prior)
    for move in range(MOVES + 1):
        size = 2 * draws if move == MOVES else max(draws // 2, 300)
        theta, weight = _weighed(middle, spread, size, data, prior, rng)
        if move < MOVES:
            middle = weight @ theta
            off = theta - middle
            spread = (off * weight[:, None]).T @ off + 1e-6 * np.eye(len(middle))
    steps = (rng.random() + np.arange(draws)) / draws
    chosen = np.minimum(np.searchsorted(np.cumsum(weight), steps), len(theta) - 1)
    return theta[chosen], float(1.0 / (weight**2).sum())


def _weighed(
    middle: Array, spread: Array, size: int, data: _Data, prior: ObserversPrior, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Student t draws about `middle`, and their weights, summing to 1."""
    root = np.linalg.cholesky(spread)
    normal = rng.normal(size=(size, len(middle)))
    t = normal / np.sqrt(rng.chisquare(FREEDOM, size) / FREEDOM)[:, None]
    theta = middle + t @ root.T
    proposed = -0.5 * (FREEDOM + len(middle)) * np.log1p((t**2).sum(axis=1) / FREEDOM)
    log_weight = _log_density(theta, data, prior) - proposed
    weight = np.exp(log_weight - log_weight.max())
    return theta, weight / weight.sum()


def _mode(data: _Data, prior: ObserversPrior) -> tuple[Array, Array]:
    """Mode of the posterior, and the inverse of minus its second derivatives there."""
    share = (data.found_by + 0.5) / (data.count + 1.0)
    start = np.concatenate([special.logit(share), [prior.fall] * data.by_distance, [1.0]])
    step = 1e-3

    def slope(theta: Array) -> Array:
        """Central differences of minus the log density, all sides at once."""
        sides = np.concatenate([theta + step * np.eye(len(theta)), theta - step * np.eye(len(theta))])
        high, low = np.split(-_log_density(sides, data, prior), 2)
        return np.asarray((high - low) / (2.0 * step))

    edge = [(-10.0, 10.0)] * (len(start) - 1) + [(LOWEST, 15.0)]
    best = optimize.minimize(
        lambda theta: -_log_density(theta[None], data, prior)[0],
        start,
        jac=slope,
        method="L-BFGS-B",
        bounds=edge,
    ).x
    curve = np.stack([(slope(best + h) - slope(best - h)) / 0.1 for h in 0.05 * np.eye(len(best))])
    values, vectors = np.linalg.eigh(0.5 * (curve + curve.T))
    return best, (vectors / np.maximum(values, 0.1)) @ vectors.T


def _whole_interval(draws: Ints, level: float) -> tuple[int, int]:
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(draws, (tail, 1.0 - tail), method="inverted_cdf")
    return int(low), int(high)


def _words(result: Observers) -> str:
    """What was found and missed, in sentences."""
    low, high = result.missed_interval
    words = (
        f"{result.found} items were found by at least one of {len(result.found_by)} searchers. An estimated "
        f"{result.missed_median} more lie in the strip that nobody found "
        f"({100 * result.level:.3g} % interval {low} to {high}). "
    )
    ends = result.detection_interval
    words += "Searchers find, of all items in the strip: " + "; ".join(
        f"{k + 1}: {100 * value:.0f} % ({100 * ends[k, 0]:.0f} to {100 * ends[k, 1]:.0f})"
        for k, value in enumerate(np.median(result.detection, axis=0))
    )
    words += ". Items that no searcher could see are counted only as far as ease of seeing is normal."
    if not result.reliable:
        words += f" Only {result.effective:.0f} draws count: take the ends of the intervals as rough."
    return words
