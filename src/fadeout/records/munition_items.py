"""Items that one carrier of a munition leaves: submunitions carried × share that failed, as a wide distribution.

Reads   the registry's claims on munition types: counts and published failures, each with its source and kind
Gives   `MunitionType`, `shipped` (all of them) and `items_of` (mean and Gamma shape of the items of one carrier)
Knows   nothing of strikes, grids or fits
Start   at `items_of`

A published rate is somebody's claim, and claims about one type differ tenfold. So the rate is taken as log-normal, its
middle 90 % at least tenfold wide; the items of one carrier as that rate, the count, and what differs from one strike to
the next, multiplied. Squared coefficients of variation of independent factors combine as 1 + c² = Π (1 + c_i²), and the
Gamma distribution of the same mean and variation has shape 1 / c².
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from fadeout.errors import InputRefused
from fadeout.records import claim_checks, claim_files
from fadeout.records.claims import MUNITION, Claim, Munition, Registry

NINETY = 2 * 1.6449  # standard deviations in the middle 90 % of a normal distribution
TENFOLD = 10.0  # least ratio of the ends of that middle: published rates of one type differ so much
NO_RATE = (0.02, 0.4)  # middle 90 % where nobody published a rate: about the range of all that was (assumed)
STRIKE_SHAPE = 2.0  # Gamma shape of what differs from strike to strike at one rate (assumed)
MOST_FAILED = 1.0
INTERESTED = ("official", "manufacturer")
ALLEGED = "alleged"


@dataclass(frozen=True)
class MunitionType:
    """One type: names, submunitions carried (least, most), published failure rates (0 to 1), whose claim they are."""

    name: str
    aliases: tuple[str, ...]
    submunition: str
    claim: str
    source: str
    checked: str
    carried: tuple[int, int] | None = None
    failed_low: float | None = None
    failed_high: float | None = None
    note: str = ""

    @property
    def rate(self) -> tuple[float, float]:
        """Middle 90 % of the failure rate: the published range, widened evenly to tenfold where it is narrower."""
        low, high = self.failed_low, self.failed_high
        if low is None and high is None:
            return NO_RATE
        low = high / TENFOLD if low is None and high is not None else low
        assert low is not None
        high = min(low * TENFOLD, MOST_FAILED) if high is None else high
        wider = math.sqrt(max(TENFOLD * low / high, 1.0))
        return low / wider, high * wider

    @property
    def in_words(self) -> str:
        """The published rate in words."""
        low, high = self.failed_low, self.failed_high
        if low is None and high is None:
            return "no published rate: 2 to 40 % assumed"
        told = [f"{100 * value:g}" for value in (low, high) if value is not None]
        return f"{' to '.join(told)} % published ({self.claim}), widened to tenfold"


@dataclass(frozen=True)
class Items:
    """Items left by one carrier: Gamma(shape, shape / mean) expected items."""

    mean: float
    shape: float


def items_of(kind: MunitionType) -> Items | None:
    """Give mean and Gamma shape of the items that one carrier leaves; None where the count is not known.

    Examples
    --------
    >>> known = items_of(MunitionType("x", (), "y", "test", "assumed", "no", (100, 100), 0.03, 0.3))
    >>> round(known.mean, 1), round(known.shape, 2)
    (12.1, 0.69)
    >>> items_of(MunitionType("x", (), "y", "not known", "assumed", "no")) is None
    True
    """
    if kind.carried is None:
        return None
    low, high = kind.rate
    log_sd = math.log(high / low) / NINETY
    count = sum(kind.carried) / 2
    mean = count * math.sqrt(low * high) * math.exp(log_sd**2 / 2)
    spread = math.exp(log_sd**2)
    spread *= 1 + (kind.carried[1] - kind.carried[0]) ** 2 / 12 / count**2
    spread *= 1 + 1 / STRIKE_SHAPE
    return Items(mean, 1 / (spread - 1))


@cache
def shipped() -> dict[str, MunitionType]:
    """Give the types of the shipped registry by key, in the order of its table.

    Examples
    --------
    >>> shipped()["cbu87"].carried
    (202, 202)
    """
    tables, problems = claim_files.raw(claim_files.folder(), ("munitions", "munition_claims", "sources"))
    if problems:
        raise InputRefused(problems)
    return types_of(claim_files.registry_of(tables))


def types_of(registry: Registry) -> dict[str, MunitionType]:
    """Give the munition types of a registry by key: what its claims say of counts and failures, taken together."""
    return {key: _type(registry, munition) for key, munition in registry.munitions.items()}


def _type(registry: Registry, munition: Munition) -> MunitionType:
    subject = MUNITION + munition.id
    rates = registry.of(subject, "failure_rate")
    low, high = published(rates)
    count = registry.first(subject, "submunition_count")
    said = ([count] if count else []) + list(rates)
    who = dict.fromkeys(registry.sources[one.source_id].who for one in said)
    return MunitionType(
        munition.name,
        munition.aliases,
        munition.submunition,
        claim=", ".join(dict.fromkeys(one.kind for one in rates)) or "not known",
        source="; ".join(who) or "no source",
        checked=", ".join(sorted({one.checked for one in said}, reverse=True)) or "nothing claimed",
        carried=_whole(count.value) if count else None,
        failed_low=low,
        failed_high=high,
        note=munition.note,
    )


def published(rates: Sequence[Claim]) -> tuple[float | None, float | None]:
    """Give the least and the most that was claimed to fail, None where no claim bounds that side.

    Makers and governments have reason to name low figures: where nobody else says anything, theirs bounds from below
    alone. An alleged figure, such as a party's of the other side's types, bounds from above alone.

    Examples
    --------
    >>> maker = Claim("a", "munition:x", "failure_rate", "0.01", kind="manufacturer")
    >>> field = Claim("b", "munition:x", "failure_rate", "0.05..0.2", kind="field")
    >>> published([maker]), published([maker, field])
    ((0.01, None), (0.01, 0.2))
    """
    others = any(one.kind not in INTERESTED and one.confidence != ALLEGED for one in rates)
    lows, highs = [], []
    for one in rates:
        low, high = claim_checks.interval(one.value)
        if low is not None and one.confidence != ALLEGED:
            lows.append(low)
        if high is not None and (others or one.kind not in INTERESTED or one.confidence == ALLEGED):
            highs.append(high)
    return min(lows, default=None), max(highs, default=None)


def _whole(value: str) -> tuple[int, int]:
    low, high = claim_checks.interval(value)
    assert low is not None  # a count is never open: claim_checks
    assert high is not None
    return int(low), int(high)
