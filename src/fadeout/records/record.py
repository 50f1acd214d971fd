"""One version of one record, as a store takes it and gives it back.

Reads   values already checked
Gives   `Record`, and its body as the bytes that history keeps
Knows   how values are written so that the same record always gives the same bytes
Start   at `Record` and `body`
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from shapely.geometry.base import BaseGeometry

Plain = str | int | float | bool | list[str] | None  # what a value is in a store; dates are ISO texts


@dataclass(frozen=True)
class Record:
    """One record of a kind of `catalogue.KINDS`.

    `values` hold the kind's own fields and the common ones but `id`: plain values, dates as "2026-11-25", moments as
    "2026-11-25T07:00:00Z", lists of ids as lists; a field that is empty is left out. `shape` is in longitude and
    latitude, WGS 84. `uuid`, `version`, `recorded_at` (UTC) and `who` are the store's to set.
    """

    kind: str
    id: str
    values: dict[str, Plain] = field(default_factory=dict)
    shape: BaseGeometry | None = None
    uuid: str = ""
    version: int = 0
    recorded_at: str = ""
    who: str = ""


ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def body(values: dict[str, Plain], wkb_hex: str | None) -> str:
    """Write a record's values and its shape as one text: sorted, without spaces, so that equal records give equal texts.

    Examples
    --------
    >>> body({"b": 1, "a": "x"}, None)
    '{"a":"x","b":1}'
    """
    return ENCODER.encode({**values, "geom": wkb_hex} if wkb_hex else values)


def plain(value: Any) -> Plain:
    """Write a date or moment as text; leave what is plain already.

    Examples
    --------
    >>> plain(date(2026, 11, 25)), plain(datetime(2026, 11, 25, 7, 0)), plain(0.5)
    ('2026-11-25', '2026-11-25T07:00:00Z', 0.5)
    """
    if isinstance(value, datetime):
        utc = value.astimezone(UTC) if value.tzinfo else value
        return utc.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [str(one) for one in value]
    return value  # type: ignore[no-any-return]
