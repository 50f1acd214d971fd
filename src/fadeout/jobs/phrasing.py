"""How numbers, intervals, areas and days are written wherever a person reads them.

Reads   numbers, dates
Gives   words: at most three significant digits, units always, intervals as "30 to 75 (90 %)"
Knows   nothing of assessments
Start   at `number` and `interval`
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

THIN = "\N{NO-BREAK SPACE}"


def number(value: float | None, digits: int = 3) -> str:
    r"""Write a number with at most `digits` significant digits and no exponent.

    Examples
    --------
    >>> number(1234.5), number(0.01234), number(47.0), number(0)
    ('1\xa0230', '0.0123', '47', '0')
    """
    if value is None or not math.isfinite(value):
        return "not known"
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    text = f"{rounded:,.{max(0, places)}f}".replace(",", THIN)
    return text.rstrip("0").rstrip(".") if "." in text else text


MOST_FACTOR = 1_000.0  # factors of odds beyond this, either way, say no more than that they are large


def factor(value: float | None) -> str:
    r"""Write what odds are multiplied by; beyond a thousand, either way, as no more than that.

    Examples
    --------
    >>> factor(3.21), factor(1.6e34), factor(1e-9)
    ('3.2', 'more than 1\xa0000', 'less than 0.001')
    """
    if value is None or math.isnan(value):
        return "not defined"
    if value > MOST_FACTOR:
        return f"more than {number(MOST_FACTOR)}"
    if value < 1.0 / MOST_FACTOR:
        return f"less than {number(1.0 / MOST_FACTOR)}"
    return number(value, 2)


def chance(value: float | None) -> str:
    """Write a probability: two significant digits, never as a certainty that it is not.

    Examples
    --------
    >>> chance(0.8342), chance(0.9996), chance(0.0002), chance(1.0)
    ('0.83', 'more than 0.99', 'less than 0.01', '1')
    """
    if value is None or not math.isfinite(value):
        return "not known"
    if value in (0.0, 1.0):
        return f"{value:g}"
    if value < 0.01:
        return "less than 0.01"
    if value > 0.99:
        return "more than 0.99"
    return f"{value:.2f}"


def interval(low: float | None, high: float | None, level: float = 0.9) -> str:
    r"""Write an interval with its level.

    Examples
    --------
    >>> interval(30.2, 75.4)
    '30.2 to 75.4 (90\xa0%)'
    """
    return f"{number(low)} to {number(high)} ({level * 100:g}{THIN}%)"


def percent(share: float | None) -> str:
    r"""Write a share as a percentage with at most two significant digits.

    Examples
    --------
    >>> percent(0.05), percent(0.934)
    ('5\xa0%', '93\xa0%')
    """
    return "not known" if share is None else f"{number(share * 100, 2)}{THIN}%"


def hectares(area_m2: float) -> str:
    r"""Write an area in hectares.

    Examples
    --------
    >>> hectares(452_300.0)
    '45.2\xa0ha'
    """
    return f"{number(area_m2 / 1e4)}{THIN}ha"


def day(value: date | str | None) -> str:
    """Write a day as 24 Nov 2026; an empty one as "date not stated".

    Examples
    --------
    >>> day("2026-11-24"), day(None)
    ('24 Nov 2026', 'date not stated')
    """
    if not value:
        return "date not stated"
    if isinstance(value, str):
        value = datetime.fromisoformat(value.replace("Z", "+00:00")).date()
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return f"{value.day} {months[value.month - 1]} {value.year}"


def listed(words: Sequence[str]) -> str:
    """Join words as "a, b and c"."""
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else "".join(words)


def say(value: Any) -> str:
    """Any JSON value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(say(one) for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{key}: {say(one)}" for key, one in value.items())
    return str(value)
