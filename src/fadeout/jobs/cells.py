"""What a cell of a file says: a choice, a number, a share, a day; or why it says none.

Reads   one value as it stands in a file
Gives   a plain value, or `CellFault` with a code, words and a remedy
Knows   how people and programs write numbers, percents and dates; nothing of tables or records
Start   at `parsed`, which goes by a field's type; docs/reference/input-errors.md lists the codes
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from fadeout.exchange.layers import Value, key
from fadeout.exchange.tables import number
from fadeout.records.catalogue import Field
from fadeout.records.record import Plain

YES, NO = ("true", "yes", "1", "y", "t"), ("false", "no", "0", "n", "f")


@dataclass(frozen=True)
class Manner:
    """How a layer writes: decimal commas, the form of its dates; and the day after which nothing is dated."""

    decimal_comma: bool = False
    dates: str = ""
    today: date = date.max


class CellFault(ValueError):
    """What is wrong with a cell: a stable code, what we got, what to do."""

    def __init__(self, code: str, message: str, remedy: str):
        self.code, self.message, self.remedy = code, message, remedy
        super().__init__(message)


def text(value: Value) -> str:
    """The cell as text; 7.0 becomes "7", as spreadsheets make whole ids into fractions.

    Examples
    --------
    >>> text(7.0), text(None), text(" a ")
    ('7', '', 'a')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()


def choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """One of some words, whatever its case: "Stopped at find" is stopped_at_find."""
    if value in allowed:
        return value
    word = key(value)
    for one in allowed:
        if key(one) == word:
            return one
    near = difflib.get_close_matches(word, allowed, 1, 0.6)
    hint = f"did you mean '{near[0]}'? " if near else ""
    raise CellFault(
        "intake.bad-value",
        f"{name} is '{value}'",
        f"{hint}write one of {', '.join(allowed)}, or translate the values in a column map",
    )


def real(
    name: str, value: Value, low: float, high: float, unit: str, comma: bool, above: bool = False
) -> float:
    """A number from low to high (above low if `above`)."""
    found = plain_number(name, value, comma)
    if low <= found <= high and not (above and found == low):
        return found
    span = f"above {low:g}" if above else f"of at least {low:g}"
    limit = f" and at most {high:g}" if high < 1e9 else ""
    units = f" ({unit})" if unit else ""
    raise CellFault("intake.bad-value", f"{name} is {found:g}", f"write a number {span}{limit}{units}")


def share(name: str, value: Value, comma: bool) -> float:
    """A probability or share, 0 to 1; percentages are recognised and refused."""
    percent = isinstance(value, str) and value.rstrip().endswith("%")
    found = plain_number(name, str(value).rstrip().removesuffix("%") if percent else value, comma)
    if percent or 1 < found <= 100:
        raise CellFault(
            "intake.percent",
            f"{name} is {text(value)}, which looks like percent",
            f"write a share from 0 to 1 ({found / 100:g}), or name the column under percent in a column map",
        )
    if not 0 <= found <= 1:
        raise CellFault("intake.bad-share", f"{name} is {found:g}", "write a share from 0 to 1")
    return found


def whole(name: str, value: Value, comma: bool, low: float = 1, high: float = 1e6) -> int:
    """A whole number from low to high."""
    found = plain_number(name, value, comma)
    if found < low or not found.is_integer() or found > high:
        remedy = f"write a whole number of at least {low:g}, or leave the row out"
        raise CellFault("intake.bad-count", f"{name} is {found:g}", remedy)
    return int(found)


def day(name: str, value: str, manner: Manner) -> date:
    """A date (YYYY-MM-DD, YYYY-MM or YYYY, or the form of the layer) that is not in the future."""
    try:
        found = parse_day(value, manner.dates)
    except ValueError:
        form = f"in the form {manner.dates}" if manner.dates else "as YYYY-MM-DD"
        remedy = f"write it {form}, or give its form under dates in a column map"
        raise CellFault("intake.bad-date", f"{name} is '{value[:40]}'", remedy) from None
    if found > manner.today:
        message = f"{name} is {found.isoformat()}, after today ({manner.today.isoformat()})"
        raise CellFault("intake.future-date", message, "correct the date; day and month may be swapped")
    return found


def parse_day(text: str, form: str = "") -> date:
    """Give the date a text holds; ValueError if none, or one that can be read two ways.

    Examples
    --------
    >>> parse_day("2021/03/04 00:00:00"), parse_day("1972-06"), parse_day("4.3.2021", "%d.%m.%Y")
    (datetime.date(2021, 3, 4), datetime.date(1972, 6, 1), datetime.date(2021, 3, 4))
    """
    if form:
        found = datetime.strptime(text, form).date()
    else:
        match = re.fullmatch(r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2})(?:[T ].*)?)?)?", text)
        if match is None:
            raise ValueError(text)
        year, month, day = (int(part) if part else 1 for part in match.groups())
        found = date(year, month, day)
    if found.year < 1900:
        raise ValueError(text)
    return found


def moment(name: str, value: str) -> str:
    """A moment with its offset from UTC, written in UTC; one that says no offset is taken as UTC.

    Examples
    --------
    >>> moment("device_at", "2026-11-25T14:00:00.000+07:00")
    '2026-11-25T07:00:00Z'
    """
    try:
        found = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        utc = found.astimezone(UTC) if found.tzinfo else found
    except (ValueError, OverflowError):
        remedy = "write it as 2026-11-25T07:00:00Z"
        raise CellFault("intake.bad-moment", f"{name} is '{value[:40]}'", remedy) from None
    return utc.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def plain_number(name: str, value: Value, comma: bool) -> float:
    """The number that a cell holds."""
    try:
        found = number(value, comma)
    except ValueError:
        found = None
    if found is None:
        remedy = "write a plain number without unit, such as 0.8"
        message = f"{name} is '{str(value)[:40]}', which is no number"
        raise CellFault("intake.bad-number", message, remedy)
    return found


def parsed(about: Field, value: Value, manner: Manner) -> Plain:
    """What a cell that is not empty says, by the type of its field.

    Examples
    --------
    >>> from fadeout.records.catalogue import KINDS
    >>> parsed(KINDS["searched"].by_name["outcome"], "Stopped at find", Manner())
    'stopped_at_find'
    """
    return _BY_TYPE[about.type](about, value, manner)


def _ids(about: Field, value: Value, manner: Manner) -> Plain:
    parts = [part.strip() for part in re.split(r"[;,]", text(value))]
    return [part for part in parts if part]


def _flag(about: Field, value: Value, manner: Manner) -> bool:
    if isinstance(value, bool):
        return value
    word = text(value).lower()
    if word not in YES + NO:
        raise CellFault("intake.bad-value", f"{about.name} is '{word[:40]}'", "write true or false")
    return word in YES


_BY_TYPE: dict[str, Callable[[Field, Value, Manner], Plain]] = {
    "text": lambda about, value, manner: text(value),
    "choice": lambda about, value, manner: choice(about.name, text(value), about.choices),
    "whole": lambda about, value, manner: whole(
        about.name, value, manner.decimal_comma, about.low or 0, about.high or 1e9
    ),
    "real": lambda about, value, manner: real(
        about.name, value, about.low or 0, about.high or 1e12, about.unit, manner.decimal_comma
    ),
    "share": lambda about, value, manner: share(about.name, value, manner.decimal_comma),
    "date": lambda about, value, manner: day(about.name, text(value), manner).isoformat(),
    "moment": lambda about, value, manner: moment(about.name, text(value)),
    "flag": _flag,
    "ids": _ids,
}
