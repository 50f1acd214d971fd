"""When to stop: what is left on a piece of ground, what further search would show, and accept-on-zero.

Reads   a `Posterior` and a mask
Gives   `Completion` (an advice with its reasons), `accept_on_zero`, `p_none_after_zero`
Knows   nothing of decisions: a person releases land, never this file
Start   at `advise`
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fadeout.model.fit import fit
from fadeout.model.posterior import Posterior

Array = NDArray[np.float64]

PASSES = 5  # further passes looked at; more of one team and method are hardly independent (assumed)
PRIOR_SWEEPS = 400  # of a learned prior without data, where each sweep is nearly a new draw
LEAST_SEARCHED = 0.5  # share of the ground to search before a requirement is called met (assumed)


@dataclass(frozen=True)
class Completion:
    """What is known of one piece of ground. `words` says it plainly; it is advice, not a release."""

    p_none: float  # P(no item left)
    expected: float  # items remaining
    interval: tuple[float, float]  # 5 % and 95 % of the posterior predictive number of items
    median: float
    prior_p_none: float  # P(no item) before any search and any find
    required: float
    met: bool  # p_none is at least what is required, and it is the search that says so
    searched: float  # area share of the ground that was searched at all
    passes_needed: int | None  # further complete passes without a find; 0 where met; None: not within PASSES
    p_none_after: tuple[float, ...]  # P(no item left | 1, 2, … further passes found nothing)
    detection: float  # of one further pass
    words: str


def advise(
    posterior: Posterior,
    mask: ArrayLike,
    *,
    required: float = 0.95,
    detection: float,
    searched_share: ArrayLike,
    prior_posterior: Posterior | None = None,
    draws: int = 2000,
    seed: int = 2,
) -> Completion:
    """Say how sure it is that nothing is left on the masked ground, and what further search would add.

    A further complete pass of detection p that finds nothing brings P(none left) to P(none left) / P(that
    pass finds nothing). Passes are taken as independent: n of them detect with 1 − (1 − p)^n.

    The requirement is `met` only if P(none left) reaches it, the prior alone does not (then the assumptions
    would speak, not the search), and at least half of the ground was searched: ground that was not searched
    is not clear.

    Parameters
    ----------
    posterior : Posterior
        Of one fit.
    mask : array, shape (rows, cols)
        bool, or area share 0 to 1 of each cell.
    required : float
        P(none left) asked.
    detection : float
        p of one further complete pass.
    searched_share : array, shape (rows, cols)
        Area share of each cell covered by any structured search; 0 is *not searched*.
    prior_posterior : Posterior, optional
        The fit of the same prior to no search and no finds (`prior_alone`), made here if not given.
    draws, seed : int
        Of the number of items left.

    Raises
    ------
    ValueError
        If `required` or `detection` does not lie between 0 and 1.
    """
    if not 0 < required < 1:
        raise ValueError(f"required must lie between 0 and 1; got {required:g}")
    if not 0 < detection <= 1:
        raise ValueError(f"detection must lie in 0 to 1 and above 0; got {detection:g}")
    weights = np.asarray(mask, dtype=np.float64) * ~posterior.excluded
    ground = float(weights.sum())
    searched = float((weights * np.asarray(searched_share)).sum()) / ground if ground > 0 else 0.0
    p_none = posterior.p_none_in(weights)
    prior_p_none = (prior_posterior or prior_alone(posterior)).p_none_in(weights)
    after = _after(posterior, weights, p_none, required, detection)
    totals = posterior.draw_totals(weights, draws, seed)
    low, median, high = np.quantile(totals, [0.05, 0.5, 0.95], method="inverted_cdf")
    given = prior_p_none >= required
    met = p_none >= required and not given and searched >= LEAST_SEARCHED
    enough = [n for n, p in enumerate(after, start=1) if p >= required]
    needed = 0 if met else enough[0] if enough and not given else None
    return Completion(
        p_none=p_none,
        expected=posterior.expected_remaining_in(weights),
        interval=(float(low), float(high)),
        median=float(median),
        prior_p_none=prior_p_none,
        required=required,
        met=met,
        searched=searched,
        passes_needed=needed,
        p_none_after=after,
        detection=detection,
        words=_words(ground, p_none, prior_p_none, required, met, searched, needed),
    )


def prior_alone(posterior: Posterior) -> Posterior:
    """Fit the same prior, on the same ground, to no search and no finds: what the assumptions alone say."""
    return fit(
        posterior.grid,
        np.zeros(posterior.grid.shape),
        np.empty((0, 2), dtype=np.int64),
        posterior.prior,
        excluded=posterior.excluded,
        pad=posterior.lattice.margin > 0,
        sweeps=PRIOR_SWEEPS,
    )


def _after(
    posterior: Posterior, weights: Array, p_none: float, required: float, detection: float
) -> tuple[float, ...]:
    """P(none left | n further passes found nothing), n = 1, 2, 3, … until the requirement is reached."""
    after: list[float] = []
    for passes in range(1, PASSES + 1):
        together = 1.0 - (1.0 - detection) ** passes
        finds_nothing = posterior.p_none_in(weights, together)
        after.append(min(1.0, p_none / finds_nothing) if finds_nothing > 0 else 0.0)
        if passes >= 3 and after[-1] >= required:
            break
    return tuple(after)


def _words(
    ground: float,
    p_none: float,
    prior: float,
    required: float,
    met: bool,
    searched: float,
    needed: int | None,
) -> str:
    if not ground > 0:
        return "There is no ground in this piece: nothing can be said."
    odds = (
        f"The estimate that nothing is left here is {_percent(p_none)} (before any search {_percent(prior)}; "
        f"required {_percent(required)}). {_searched(searched)} of this ground was searched."
    )
    if met:
        return f"{odds} The requirement is met by this estimate. A person decides on release."
    if prior >= required:
        return (
            f"{odds} The assumptions alone already give the required level: this estimate cannot show that "
            "the search met it. Use accept-on-zero sampling."
        )
    if p_none >= required:
        return (
            f"{odds} The requirement is not met: less than {_percent(LEAST_SEARCHED)} of this ground was "
            "searched, and ground that was not searched is not clear."
        )
    if needed is None:
        return (
            f"{odds} The requirement is not met; {PASSES} further passes without a find would not reach it."
        )
    passes = "one further complete pass" if needed == 1 else f"{needed} further complete passes"
    return f"{odds} The requirement is not met. By this estimate {passes} without a find would reach it."


def _percent(share: float) -> str:
    """At most three digits, never rounded up to 100 % nor down to 0 %.

    Examples
    --------
    >>> _percent(0.9513), _percent(0.99999), _percent(1.0), _percent(1e-9)
    ('95.1 %', 'above 99.9 %', '100 %', 'below 0.1 %')
    """
    if 0.999 < share < 1.0:
        return "above 99.9 %"
    if share < 0.001:
        return "below 0.1 %"
    return f"{100 * share:.3g} %"


def _searched(share: float) -> str:
    return _percent(share).capitalize() if share > 0 else "None"


def accept_on_zero(N: int, X: float, Y: float) -> int:
    """Give the smallest sample of N units which, all clear, shows with confidence Y that a share X are clear.

    The smallest n with C(N − D, n) / C(N, n) ≤ 1 − Y, where D = ⌊N (1 − X)⌋ + 1 is the smallest number of
    bad units that breaks the requirement. Decimal figures are taken as written (0.95 is 19/20) and all
    counting is exact.

    Examples
    --------
    >>> accept_on_zero(100, 0.95, 0.95), accept_on_zero(500, 0.99, 0.95), accept_on_zero(1000, 0.99, 0.95)
    (39, 196, 238)
    """
    share, sure = Fraction(str(X)), Fraction(str(Y))
    if N < 1 or int(N) != N:
        raise ValueError(f"N must be a whole number of at least 1; got {N}")
    if not (0 < share <= 1 and 0 <= sure < 1):
        raise ValueError(f"X must lie in (0, 1] and Y in [0, 1); got X={X}, Y={Y}")
    bad = math.floor(N * (1 - share)) + 1
    low, high = 0, N - bad + 1  # a sample of N − D + 1 must hold a bad unit
    while low < high:
        n = (low + high) // 2
        if _missed(N, bad, n) <= 1 - sure:
            high = n
        else:
            low = n + 1
    return low


def _missed(units: int, bad: int, sample: int) -> Fraction:
    """P(a sample holds no bad unit) = C(N − D, n) / C(N, n) = C(N − n, D) / C(N, D), by the shorter form."""
    small, large = min(bad, sample), max(bad, sample)
    return Fraction(math.comb(units - large, small), math.comb(units, small))


def p_none_after_zero(shape: float, rate: float, coverage: float) -> float:
    """P(none left) of Gamma(shape, rate) expected items when a search of effective coverage c found nothing.

    ((b + c) / (b + 1))^a: the number found is Poisson(γ c), so γ | nothing found ~ Gamma(a, b + c), and
    what is left is Poisson(γ (1 − c)).

    Examples
    --------
    >>> [round(p_none_after_zero(*case), 6) for case in ((1, 1, 0.45), (0.5, 0.1, 0.72), (1, 0.02, 0.9025))]
    [0.725, 0.863397, 0.904412]
    """
    if not (shape > 0 and rate > 0 and 0 <= coverage <= 1):
        raise ValueError(f"shape, rate must be above 0, coverage in 0 to 1; got {shape}, {rate}, {coverage}")
    return float(((rate + coverage) / (rate + 1.0)) ** shape)
