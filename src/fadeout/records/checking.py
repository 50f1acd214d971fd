"""Whether a record is what its kind says: the last check before a store takes it.

Reads   `Record`s
Gives   the record with its values in their one form (7 as 7.0 where a real number belongs), or every fault as `Problem`
Knows   the catalogue; nothing of databases, files or other records
Start   at `checked`
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from fadeout.errors import Problem
from fadeout.records.catalogue import KINDS, RESTRICTED, SENSITIVITIES, Field, Kind, fields_of, least_allowed
from fadeout.records.record import Plain, Record

FREE_TEXT = ("source", "entered", "remark")  # of a record about a person these are as personal as the name
SEALED = "enc1:"  # how an encrypted personal value begins
LONGEST_ID = 200
LONGEST_TEXT = 1_000_000
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
SHAPES = {
    "": (),
    "point": ("Point",),
    "polygon": ("Polygon", "MultiPolygon"),
    "ground": ("Polygon", "MultiPolygon", "LineString", "MultiLineString"),
    "any": ("Point", "Polygon", "MultiPolygon", "LineString", "MultiLineString"),
}
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

Values = dict[str, Plain]


def checked(record: Record) -> tuple[Values, list[Problem]]:
    """Give the values of a record in their one form, and all that is wrong with it.

    Examples
    --------
    >>> from shapely import Point
    >>> checked(Record("evidence", "EP-1", {"count": 2.0, "kind": "item"}, Point(107, 16.8)))
    ({'count': 2, 'kind': 'item', 'sensitivity': 'exact'}, [])
    >>> checked(Record("evidence", "EP-1", {"count": 0}, Point(107, 16.8)))[1][0].message
    'EP-1: count is 0; it must lie in 1 to 1e+06'
    """
    kind = KINDS.get(record.kind)
    if kind is None:
        remedy = f"write one of {', '.join(KINDS)}"
        return {}, [Problem("record.unknown-kind", f"there is no kind '{record.kind}'", remedy)]
    faults: list[str] = []
    if not record.id or record.id != record.id.strip() or len(record.id) > LONGEST_ID:
        faults.append(
            f"the id is '{record.id[:40]}'; an id has 1 to {LONGEST_ID} letters and no space around it"
        )
    elif UNPRINTABLE.search(record.id) or ";" in record.id:
        faults.append("the id holds ';' or a control character")
    values = _values(kind, record.values, faults)
    _shape(kind, record.shape, faults)
    return values, [Problem("record.bad-value", f"{record.id}: {fault}") for fault in faults]


def outside(bounds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say of bounds (west, south, east, north), shape (n, 4), whether they leave longitude and latitude; NaN does not."""
    west, south, east, north = bounds.T
    return np.asarray((west < -180) | (east > 180) | (south < -90) | (north > 90))


def _values(kind: Kind, given: dict[str, Plain], faults: list[str]) -> dict[str, Plain]:
    fields = _FIELDS[kind.name]
    values: dict[str, Plain] = {}
    for name, value in given.items():
        if value is None or value == "" or value == []:
            continue
        about = fields.get(name)
        if about is None:
            faults.append(f"'{name}' is no field of {kind.name}")
            continue
        try:
            values[name] = _FORMS[about.type](value, about)
        except ValueError as fault:
            faults.append(f"{name} {fault}")
    if kind.sensitivity == RESTRICTED:  # free text about a person is as personal as the name
        open_texts = [n for n in FREE_TEXT if n in values and not str(values[n]).startswith(SEALED)]
        faults += [
            f"{name} is not encrypted; of a person all texts are kept encrypted only" for name in open_texts
        ]
    for name in _REQUIRED[kind.name]:
        if name not in values:
            faults.append(f"{name} is empty, and every {kind.title.lower()} has one")
    sensitivity = str(values.setdefault("sensitivity", kind.sensitivity))
    if sensitivity in _TOO_OPEN[kind.name]:
        faults.append(
            f"sensitivity is {sensitivity}; of this kind nothing may be more open than {kind.least}"
        )
    return values


def _shape(kind: Kind, shape: object, faults: list[str]) -> None:
    if shape is None:
        return
    if not kind.geometry:
        faults.append(f"a {kind.title.lower()} has no place of its own")
        return
    name = shape.geom_type  # type: ignore[attr-defined]
    if name not in SHAPES[kind.geometry]:
        faults.append(
            f"the geometry is a {name}; a {kind.title.lower()} has {' or '.join(SHAPES[kind.geometry])}"
        )


# --- one value of each type --------------------------------------------------------------------------------------------


def _text(value: Plain, about: Field) -> str:
    if not isinstance(value, str):
        raise ValueError(f"is {value!r}; it must be a text")
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"has {len(value)} letters; at most {LONGEST_TEXT} are kept")
    if UNPRINTABLE.search(value):
        raise ValueError("holds a control character")
    if about.personal and not value.startswith(SEALED):
        raise ValueError("is not encrypted; personal fields are kept encrypted only")
    return value


def _choice(value: Plain, about: Field) -> str:
    if value not in about.choices:
        raise ValueError(f"is {value!r}; it must be one of {', '.join(about.choices)}")
    return str(value)


def _whole(value: Plain, about: Field) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise ValueError(f"is {value!r}; it must be a whole number")
    return int(_in_range(value, about))


def _real(value: Plain, about: Field) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"is {value!r}; it must be a number")
    return float(_in_range(value, about)) + 0.0  # -0.0 becomes 0.0


def _in_range(value: float, about: Field) -> float:
    if (about.low is not None and value < about.low) or (about.high is not None and value > about.high):
        raise ValueError(f"is {value:g}; it must lie in {about.low:g} to {about.high:g}")
    return value


def _date(value: Plain, about: Field) -> str:
    try:
        if isinstance(value, str) and len(value) == 10 and date.fromisoformat(value).isoformat() == value:
            return value
    except ValueError:
        pass
    raise ValueError(f"is {value!r}; it must be a date such as 2026-11-25")


def _moment(value: Plain, about: Field) -> str:
    try:
        if isinstance(value, str) and MOMENT.fullmatch(value) and datetime.fromisoformat(value[:-1]):
            return value
    except ValueError:
        pass
    raise ValueError(f"is {value!r}; it must be a moment in UTC such as 2026-11-25T07:00:00Z")


def _flag(value: Plain, about: Field) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"is {value!r}; it must be true or false")
    return value


def _ids(value: Plain, about: Field) -> list[str]:
    ids = value if isinstance(value, list) else [value]
    bad = [
        one
        for one in ids
        if not isinstance(one, str) or not one.strip() or ";" in one or UNPRINTABLE.search(one)
    ]
    if bad:
        raise ValueError(f"holds {bad[0]!r}, which is no id")
    return [str(one).strip() for one in ids]


_FORMS: dict[str, Callable[[Plain, Field], Plain]] = {
    "text": _text,
    "choice": _choice,
    "whole": _whole,
    "real": _real,
    "share": _real,
    "date": _date,
    "moment": _moment,
    "flag": _flag,
    "ids": _ids,
}
_FIELDS = {name: {f.name: f for f in fields_of(kind) if f.name != "id"} for name, kind in KINDS.items()}
_TOO_OPEN = {
    name: tuple(one for one in SENSITIVITIES if not least_allowed(kind, one)) for name, kind in KINDS.items()
}
_REQUIRED = {
    name: tuple(f.name for f in fields_of(kind) if f.required and f.name != "id")
    for name, kind in KINDS.items()
}
