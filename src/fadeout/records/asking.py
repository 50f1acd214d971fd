"""What may be asked of records beyond equality: comparisons joined by and, or, not.

Reads   a kind's columns
Gives   `Ask`s as conditions of a query, and as tests of a record that is already read
Knows   nothing of the language an asker wrote in (`exchange/cql.py`), nor of who may see what (`reading`)
Start   at `Compare`; `names_of` tells which columns are asked
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from fadeout.records.record import Record

Sign = Literal["=", "<>", "<", "<=", ">", ">="]
SIGNS = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Compare:
    """A column against a value."""

    name: str
    sign: Sign
    value: str | int | float | bool


@dataclass(frozen=True)
class Like:
    r"""A text that a pattern fits: % is any letters, _ one letter, what follows \ is itself.

    Capital and small letters are the same unless `same_case` asks them to be; SQLite knows that of a to z alone.
    """

    name: str
    pattern: str
    same_case: bool = False


@dataclass(frozen=True)
class OneOf:
    """A column that holds one of some values."""

    name: str
    values: tuple[str | int | float | bool, ...]


@dataclass(frozen=True)
class Empty:
    """A column that holds nothing."""

    name: str


@dataclass(frozen=True)
class Not:
    """What does not fit."""

    ask: Ask


@dataclass(frozen=True)
class All:
    """What fits every part."""

    parts: tuple[Ask, ...]


@dataclass(frozen=True)
class Any_:
    """What fits one part or more."""

    parts: tuple[Ask, ...]


Ask = Compare | Like | OneOf | Empty | Not | All | Any_


def names_of(ask: Ask) -> Iterator[str]:
    """The columns that are asked.

    Examples
    --------
    >>> sorted(names_of(All((Compare("state", "=", "confirmed"), Not(Empty("name"))))))
    ['name', 'state']
    """
    if isinstance(ask, Not):
        yield from names_of(ask.ask)
    elif isinstance(ask, All | Any_):
        for part in ask.parts:
            yield from names_of(part)
    else:
        yield ask.name


def condition(ask: Ask, table: sa.Table) -> sa.ColumnElement[bool]:
    """The same as a condition of a query."""
    match ask:
        case Compare(name, sign, value):
            return SIGNS[sign](table.c[name], value)  # type: ignore[no-any-return]
        case Like(name, pattern, same_case):
            text = sa.cast(table.c[name], sa.Text)
            if same_case:
                return _SameCase(text, sa.literal(pattern), sa.literal(_as_glob(pattern)))
            return text.ilike(pattern, escape="\\")
        case OneOf(name, values):
            return table.c[name].in_(values)
        case Empty(name):
            return table.c[name].is_(None)
        case Not(inner):
            return sa.not_(condition(inner, table))
        case All(parts):
            return sa.and_(sa.true(), *(condition(part, table) for part in parts))
        case Any_(parts):
            return sa.or_(sa.false(), *(condition(part, table) for part in parts))


def fits(ask: Ask, record: Record) -> bool:
    """Whether a record fits; like a database, nothing compares with what is empty.

    Examples
    --------
    >>> fits(Like("name", "a%"), Record("hazardous_area", "A", {"name": "Ahal"}))
    True
    >>> fits(Not(Compare("name", "=", "x")), Record("hazardous_area", "A"))
    False
    """
    return _said(ask, record) is True


def _said(ask: Ask, record: Record) -> bool | None:
    """True, False, or None where the value is empty."""
    if isinstance(ask, Not):
        inner = _said(ask.ask, record)
        return None if inner is None else not inner
    if isinstance(ask, All):
        said = [_said(part, record) for part in ask.parts]
        return False if False in said else None if None in said else True
    if isinstance(ask, Any_):
        said = [_said(part, record) for part in ask.parts]
        return True if True in said else None if None in said else False
    value = _value(record, ask.name)
    if isinstance(ask, Empty):
        return value is None
    if value is None:
        return None
    match ask:
        case Compare(_, sign, other):
            return bool(SIGNS[sign](value, other))
        case Like(_, pattern, same_case):
            flags = re.DOTALL if same_case else re.DOTALL | re.IGNORECASE
            return re.fullmatch(_as_regex(pattern), str(value), flags) is not None
        case OneOf(_, values):
            return value in values


def _value(record: Record, name: str) -> Any:
    if name in ("id", "version", "recorded_at", "who", "uuid"):
        return getattr(record, name)
    value = record.values.get(name)
    return "; ".join(value) if isinstance(value, list) else value


def _as_regex(pattern: str) -> str:
    marks = {"%": ".*", "_": "."}
    return "".join(marks.get(part) or re.escape(_plain(part)) for part in _parts(pattern))


def _as_glob(pattern: str) -> str:
    marks = {"%": "*", "_": "?"}
    return "".join(marks.get(part) or re.sub(r"([*?\[])", r"[\1]", _plain(part)) for part in _parts(pattern))


def _parts(pattern: str) -> list[str]:
    return re.findall(r"\\.|%|_|[^\\%_]+|\\", pattern, re.DOTALL)


def _plain(part: str) -> str:
    return part[1:] if len(part) == 2 and part[0] == "\\" else part


class _SameCase(FunctionElement[bool]):
    """LIKE that tells capital from small letters: SQLite's own does not, its GLOB does."""

    type = sa.Boolean()
    inherit_cache = True


@compiles(_SameCase)
def _like(element: Any, compiler: Any, **more: Any) -> str:
    text, pattern, _ = element.clauses
    return f"{compiler.process(text, **more)} LIKE {compiler.process(pattern, **more)} ESCAPE '\\'"


@compiles(_SameCase, "sqlite")
def _glob(element: Any, compiler: Any, **more: Any) -> str:
    text, _, pattern = element.clauses
    return f"{compiler.process(text, **more)} GLOB {compiler.process(pattern, **more)}"
