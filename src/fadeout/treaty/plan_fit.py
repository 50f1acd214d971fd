"""Whether a plan fits what was really done: area left, yearly output, years asked for.

Reads   areas in one unit, by year
Gives   `Fit`: years needed at the real output, against the years there are
Knows   plain division, said plainly; nothing of quality, terrain or money
Start   at `plan_fit`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10
from statistics import median

RECENT = 5  # years of output that count (assumed)
MOST_DIGITS = 18  # two floats that differ, differ in 17


@dataclass(frozen=True)
class Fit:
    """Years that the area left takes: at the median output, at the most and the least of recent years."""

    left: float
    output: float  # median of recent years
    least: float
    most: float
    years: float | None  # at the median; None where nothing was done
    quickest: float | None
    slowest: float | None
    asked: float

    @property
    def fits(self) -> bool:
        """Whether the area left can be done in the years asked for, at the median output."""
        return self.left == 0 or (self.years is not None and self.years <= self.asked)

    def in_words(self, unit: str) -> str:
        """One or two plain sentences."""
        if self.left == 0:
            return "Nothing is left."
        if self.years is None and self.quickest is not None:
            return (
                f"{number(self.left)} {unit} are left. In most recent years nothing was released, so no time can be "
                f"told; at the most released in one year they would take {number(self.quickest)} years."
            )
        if self.years is None:
            return f"{number(self.left)} {unit} are left and nothing was released in recent years: no time can be told."
        span = (
            f" ({number(self.quickest)} to {number(self.slowest)} years at the most and the least reported)"
            if self.quickest is not None and self.slowest is not None and self.least != self.most
            else ""
        )
        verdict = "fits" if self.fits else "does not fit"
        years, asked = compared(self.years, self.asked)
        return (
            f"{number(self.left)} {unit} left at about {number(self.output)} {unit} a year are {years} "
            f"years{span}, against {asked}: the plan {verdict}."
        )


def plan_fit(left: float, outputs: Sequence[float], asked: float) -> Fit:
    """Compare what is left with the output of recent years.

    Parameters
    ----------
    left : float
        Area that is left, in any unit.
    outputs : sequence of float
        Area released in each of the last years, the oldest first; the last `RECENT` count.
    asked : float
        Years there are.

    Raises
    ------
    ValueError
        If an area or the years are negative.

    Examples
    --------
    Lao PDR, 1,502 km² left, 75 km² a year, five years asked for:

    >>> plan_fit(1502.08, [75.03], 5).in_words("km²")
    '1,500 km² left at about 75 km² a year are 20 years, against 5: the plan does not fit.'
    """
    if left < 0 or asked < 0 or any(one < 0 for one in outputs):
        raise ValueError("areas and years are 0 or more")
    recent = list(outputs)[-RECENT:] or [0.0]
    output, least, most = median(recent), min(recent), max(recent)

    def years(rate: float) -> float | None:
        return left / rate if rate > 0 else None

    return Fit(left, output, least, most, years(output), years(most), years(least), asked)


def compared(one: float, other: float) -> tuple[str, str]:
    """Two figures with as many digits as it takes to tell them apart: "5 years, against 5" would explain nothing.

    Examples
    --------
    >>> compared(5.05, 5), compared(20.4, 20), compared(20.02, 5), compared(5, 5)
    (('5.05', '5'), ('20.4', '20'), ('20', '5'), ('5', '5'))
    """
    digits = next((n for n in range(2, MOST_DIGITS) if number(one, n) != number(other, n)), 2)
    return number(one, digits), number(other, digits)


def number(value: float | None, digits: int = 2) -> str:
    """A figure with two digits that count, or as many as are asked for; no zeros behind the last.

    Examples
    --------
    >>> number(1502.08), number(20.02), number(5), number(0.123), number(3.68)
    ('1,500', '20', '5', '0.12', '3.7')
    """
    if value is None:
        return "unknown"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits}g}")
    behind = max(0, digits - 1 - floor(log10(abs(rounded))))
    text = f"{rounded:,.{behind}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
