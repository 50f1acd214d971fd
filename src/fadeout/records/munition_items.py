"""Items that one carrier of a munition leaves: submunitions carried × share that failed, as a wide distribution.

Reads   munitions/types.toml: names, counts, published failure rates, each with its source and kind of claim
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
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

NINETY = 2 * 1.6449  # standard deviations in the middle 90 % of a normal distribution
TENFOLD = 10.0  # least ratio of the ends of that middle: published rates of one type differ so much
NO_RATE = (0.02, 0.4)  # middle 90 % where nobody published a rate: about the range of all that was (assumed)
STRIKE_SHAPE = 2.0  # Gamma shape of what differs from strike to strike at one rate (assumed)
MOST_FAILED = 1.0


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
    """Give the shipped types by key, in the order of the table.

    Examples
    --------
    >>> shipped()["cbu87"].carried
    (202, 202)
    """
    text = files("fadeout.records").joinpath("munitions/types.toml").read_text(encoding="utf-8")
    rows: dict[str, dict[str, Any]] = tomllib.loads(text)

    def values(entry: dict[str, Any]) -> dict[str, Any]:
        return {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}

    return {key: MunitionType(**values(entry)) for key, entry in rows.items()}
