"""Records as the ledger takes them: which day each version of an area counts from.

Reads   versions of hazardous areas and releases, as a store's history gives them
Gives   `AreaVersion`s and `Release`s
Knows   which date of a record says when it came about; nothing of ground
Start   at `area_versions`

Days come from the field where records state them: `opened_on`, `closed_on`, and `informed_on` where a version has a new
one that is no older than the version before. Else the day counts on which the version was recorded. A date that was
mended later counts as mended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby

from fadeout.records.ledger_checks import ACTIONS, OPEN, WITHDRAWN, AreaVersion, Release
from fadeout.records.record import Record

Told = tuple[Record, str]  # a version, and the history's word for it: new, changed, withdrawn, restored


def area_versions(history: Iterable[Told]) -> list[AreaVersion]:
    """Give the versions of hazardous areas that moved ground: their state or polygon changed, or they were withdrawn.

    An area that is first recorded as released was open before: from `opened_on`, or before any period where that is not
    known. A version counts from its day or from that of the version before, whichever is later.

    Parameters
    ----------
    history : iterable of (Record, action)
        Every version of every area, each area's in their order; areas one after another.

    Examples
    --------
    >>> from shapely import box
    >>> square = box(105, 16, 105.01, 16.01)
    >>> first = Record("hazardous_area", "A", {"state": "suspected", "opened_on": "2020-05-01"}, square)
    >>> then = Record("hazardous_area", "A", {"state": "cleared", "closed_on": "2026-02-01"}, square)
    >>> [(one.state, str(one.since)) for one in area_versions([(first, "new"), (then, "changed")])]
    [('suspected', '2020-05-01'), ('cleared', '2026-02-01')]
    """
    found: list[AreaVersion] = []
    for _, versions in groupby(history, key=lambda told: told[0].id):
        found += _one_area(list(versions))
    return found


def releases_of(records: Iterable[Record]) -> list[Release]:
    """Give releases by their own day, else by that on which they were recorded; the ledger refuses one without either."""
    return [
        Release(
            record.id,
            str(record.values.get("action") or ""),
            record.shape,
            _day(record, "released_on") or _recorded(record),
        )
        for record in records
    ]


def _one_area(versions: Sequence[Told]) -> Iterator[AreaVersion]:
    opened = _mended([record for record, _ in versions], "opened_on")
    before: AreaVersion | None = None
    last: Record | None = None
    for number, (record, action) in enumerate(versions):
        state = WITHDRAWN if action == WITHDRAWN else str(record.values.get("state") or "")
        if before is None and state in ACTIONS:
            before = AreaVersion(record.id, record.shape, OPEN[0], opened)
            yield before
        if before is not None and before.state == state and _same(before, record):
            last = record
            continue
        if before is None and state in OPEN:
            day = opened or _day(record, "informed_on") or _recorded(record)
        elif state in ACTIONS:
            day = _closed(versions[number:], state) or _recorded(record)
        else:
            day = _news(record, last, action)
            if day is None or (before is not None and before.since is not None and day < before.since):
                day = _recorded(record)
        if before is not None and before.since is not None:
            day = max(day or before.since, before.since)
        before, last = AreaVersion(record.id, record.shape, state, day), record
        yield before


def _closed(versions: Sequence[Told], state: str) -> date | None:
    """Day on which an area was closed, as the last version in that state has it."""
    stays = []
    for record, action in versions:
        if action == WITHDRAWN or record.values.get("state") != state:
            break
        stays.append(record)
    return _mended(stays, "closed_on")


def _news(record: Record, last: Record | None, action: str) -> date | None:
    """Date of the information that made a version, where it is not that of the version before."""
    day = _day(record, "informed_on")
    stale = last is not None and day == _day(last, "informed_on")
    return None if action == WITHDRAWN or stale else day


def _mended(records: Sequence[Record], name: str) -> date | None:
    days = [day for record in records if (day := _day(record, name)) is not None]
    return days[-1] if days else None


def _same(version: AreaVersion, record: Record) -> bool:
    if version.shape is None or record.shape is None:
        return version.shape is record.shape
    return version.shape is record.shape or bool(version.shape.equals(record.shape))


def _day(record: Record, name: str) -> date | None:
    value = record.values.get(name)
    return date.fromisoformat(str(value)[:10]) if value else None


def _recorded(record: Record) -> date | None:
    return date.fromisoformat(record.recorded_at[:10]) if record.recorded_at else None
