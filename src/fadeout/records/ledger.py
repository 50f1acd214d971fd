"""The area ledger: what was open, what was found and released in a period, what is left, to the square metre.

Reads   versions of hazardous areas and releases, each with its polygon and day
Gives   `Ledger`: opening + found + reopened + corrected up − cancelled − reduced − cleared − corrected down = closing
Knows   dates and states; `ledger_ground` parts the ground, `ledger_whole` rounds
Start   at `balance`

A piece of ground is open or it is not, whatever number of polygons cover it. It opens with the first area over it and
stays open until it is released, or until no area is drawn over it any more. What each event does:

- An area is recorded: its ground that was not open is *found*; *reopened* if it had been open and was released before.
- An area is released, by a release or by its own state: its ground that was open is *cancelled*, *reduced* or *cleared*,
  under whichever areas it lay. What was not open counts nothing, and is listed.
- An area is redrawn: ground that it takes in is *corrected up* (reopened, if it was released before); ground that it
  leaves, and that no other area covers, is *corrected down*. Released ground does not open again because a polygon was
  never cut back. A withdrawn area leaves all its ground.
- An area's state goes back from released: all its ground opens again.

Within one day: first what opens, then releases (those of records before those of areas' own states; cleared, then
reduced, then cancelled), then what redrawn areas leave. An area released and opened again on one day stays open.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused
from fadeout.records import ledger_checks, ledger_ground
from fadeout.records.ledger_checks import ACTIONS, OPEN, AreaVersion, Release
from fadeout.records.ledger_whole import CLOSING, OPENING, Spell, whole

BEGUN = (OPENING, "found", "reopened", "corrected_up")
ENDED = ("cancelled", "reduced", "cleared", "corrected_down", CLOSING)
OPENS, RELEASES, LEAVES = 0, 1, 2  # the order within a day

Cells = NDArray[np.intp]


@dataclass(frozen=True)
class Balance:
    """One line of the ledger, in whole m²; every figure is 0 or more, and the line balances."""

    opening: int = 0
    found: int = 0
    reopened: int = 0
    corrected_up: int = 0
    cancelled: int = 0
    reduced: int = 0
    cleared: int = 0
    corrected_down: int = 0
    closing: int = 0

    @property
    def off_by(self) -> int:
        """What the line is out by: 0.

        Examples
        --------
        >>> Balance(opening=100, found=50, cleared=30, closing=120).off_by
        0
        """
        came = self.opening + self.found + self.reopened + self.corrected_up
        return came - self.cancelled - self.reduced - self.cleared - self.corrected_down - self.closing


@dataclass(frozen=True)
class ReleaseRow:
    """A release in the period: the ground that it released, and ground of it that was not open, in whole m²."""

    id: str
    action: str
    on: date
    released_m2: int
    not_open_m2: int


@dataclass(frozen=True)
class Ledger:
    """The ledger of a period, both days within it. `exact` are the totals before rounding, m²."""

    start: date
    end: date
    total: Balance
    by_area: dict[str, Balance]
    releases: tuple[ReleaseRow, ...]
    exact: dict[str, float]
    method: str = ledger_ground.METHOD

    def as_rows(self) -> list[dict[str, str | int]]:
        """Rows for a table or for JSON: one for each area, then the total."""
        lines = [*self.by_area.items(), ("total", self.total)]
        return [{"area": name, **vars(line)} for name, line in lines]

    def release_rows(self) -> list[dict[str, str | int]]:
        """Rows of releases, then one for each action, whose sums are those of the total."""
        told: list[dict[str, str | int]] = [
            {
                "release": row.id,
                "action": row.action,
                "on": row.on.isoformat(),
                "released_m2": row.released_m2,
                "not_open_m2": row.not_open_m2,
            }
            for row in self.releases
        ]
        for action in ACTIONS:
            mine = [row for row in self.releases if row.action == action]
            told.append(
                {
                    "release": "total",
                    "action": action,
                    "on": "",
                    "released_m2": sum(row.released_m2 for row in mine),
                    "not_open_m2": sum(row.not_open_m2 for row in mine),
                }
            )
        return told


def balance(start: date, end: date, areas: Iterable[AreaVersion], releases: Iterable[Release]) -> Ledger:
    """Make the ledger of a period from all versions of all areas and all releases, those before it included.

    Parameters
    ----------
    start, end : date
        First and last day of the period. The opening is the evening before `start`, the closing that of `end`.
    areas
        Versions of hazardous areas, each area's in the order in which they were made.
    releases
        Releases with their own polygons. The state of an area's version releases too.

    Raises
    ------
    InputRefused
        With every polygon that is not valid, and every state, action or date that cannot be, by its id.

    Examples
    --------
    >>> from shapely import box
    >>> area = AreaVersion("SHA-1", box(10, 45, 10.02, 45.01), "suspected", date(2025, 3, 1))
    >>> done = Release("R-1", "cleared", box(10, 45, 10.01, 45.01), date(2026, 5, 1))
    >>> ledger = balance(date(2026, 1, 1), date(2026, 12, 31), [area], [done])
    >>> ledger.total.opening, ledger.total.cleared, ledger.total.closing
    (1752327, 876164, 876163)
    """
    versions, records = list(areas), list(releases)
    problems = ledger_checks.problems(start, end, versions, records)
    if problems:
        raise InputRefused(problems)
    events, shapes = _events(versions, records, end)
    ground = ledger_ground.pieces(shapes)
    walk = _Walk(ground)
    begun = False
    for event in sorted(events, key=lambda event: event.order):
        if not begun and event.day >= start:
            walk.begin()
            begun = True
        walk.take(event)
    if not begun:
        walk.begin()
    walk.finish()
    return _ledger(start, end, walk)


@dataclass(frozen=True)
class _Event:
    """One thing done to ground on a day. Ground is that of polygon `shape`, less that of polygon `less`."""

    day: date
    round: int  # later for what reopens on the day it was released
    phase: int
    rank: int
    id: str
    what: str  # the term of the ledger
    shape: int
    less: int = -1
    from_area: bool = False

    @property
    def order(self) -> tuple[date, int, int, int, str]:
        return self.day, self.round, self.phase, self.rank, self.id

    @property
    def name(self) -> str:
        return f"area {self.id}" if self.from_area else self.id


def _events(
    areas: Sequence[AreaVersion], releases: Sequence[Release], end: date
) -> tuple[list[_Event], list[BaseGeometry]]:
    """Say what each version and release does, up to the end of the period, and the polygons that it does it to."""
    shapes: list[BaseGeometry] = []
    events: list[_Event] = []
    for release in releases:
        if release.on is not None and release.on <= end and release.shape is not None:
            shapes.append(release.shape)
            rank = ACTIONS.index(release.action)
            events.append(_Event(release.on, 0, RELEASES, rank, release.id, release.action, len(shapes) - 1))
    by_area: dict[str, list[AreaVersion]] = {}
    for version in areas:
        by_area.setdefault(version.id, []).append(version)
    for versions in by_area.values():
        events += _area_events([v for v in versions if (v.since or date.min) <= end], shapes)
    return events, shapes


def _area_events(versions: Sequence[AreaVersion], shapes: list[BaseGeometry]) -> Iterator[_Event]:
    """What one area's versions do, one after another; their polygons are added to `shapes`."""
    before: AreaVersion | None = None
    was, turn = -1, 0
    for version in versions:
        day = version.since or date.min
        was_open = before is not None and before.state in OPEN
        if before is None or (before.since or date.min) != day:
            turn = 0
        elif version.state in OPEN and not was_open:
            turn += 1
        now = was
        if version.shape is not None and not version.shape.is_empty:
            shapes.append(version.shape)
            now = len(shapes) - 1
        if version.state in OPEN:
            term = "corrected_up" if was_open else "found"
            yield _Event(day, turn, OPENS, 0, version.id, term, now, was if was_open else -1)
            if was_open:
                yield _Event(day, turn, LEAVES, 0, version.id, "corrected_down", was, now)
        elif before is None or was_open:
            if version.state in ACTIONS:
                rank = len(ACTIONS) + ACTIONS.index(version.state)
                yield _Event(day, turn, RELEASES, rank, version.id, version.state, now, from_area=True)
            if was_open:
                yield _Event(day, turn, LEAVES, 0, version.id, "corrected_down", was)
        before, was = version, now


@dataclass
class _Walk:
    """The state of every piece of ground as events pass: which areas hold it open, since when, released before or not."""

    ground: ledger_ground.Ground
    held_by: list[dict[str, None]] = field(init=False)  # areas, the first to hold it first
    begun: list[str] = field(init=False)
    released: list[bool] = field(init=False)
    spells: dict[Spell, list[float]] = field(default_factory=dict)
    rows: list[tuple[_Event, float]] = field(default_factory=list)
    counting: bool = False

    def __post_init__(self) -> None:
        count = len(self.ground.area_m2)
        self.held_by = [{} for _ in range(count)]
        self.begun, self.released = [""] * count, [False] * count

    def begin(self) -> None:
        """Open the period: what is open now is the opening."""
        self.counting = True
        self.begun = [OPENING if held else "" for held in self.held_by]

    def finish(self) -> None:
        """Close the period: what is open now is the closing."""
        for cell, held in enumerate(self.held_by):
            if held:
                self._end(cell, CLOSING, next(iter(held)), "")

    def take(self, event: _Event) -> None:
        """Let one event pass."""
        covered = self.ground.covered
        cells: Cells = covered[event.shape] if event.shape >= 0 else np.zeros(0, dtype=np.intp)
        if event.less >= 0:
            cells = np.setdiff1d(cells, covered[event.less])
        if event.phase == OPENS:
            self._open(cells, event)
        elif event.phase == RELEASES:
            self._release(cells, event)
        else:
            self._leave(cells, event)

    def _open(self, cells: Cells, event: _Event) -> None:
        for cell in cells.tolist():
            if not self.held_by[cell]:
                self.begun[cell] = "reopened" if self.released[cell] else event.what
            self.held_by[cell][event.id] = None

    def _release(self, cells: Cells, event: _Event) -> None:
        by = f"{len(self.rows)}"
        done: list[float] = []
        idle: list[float] = []
        for cell in cells.tolist():
            held, m2 = self.held_by[cell], float(self.ground.area_m2[cell])
            if held:
                done.append(m2)
                self._end(cell, event.what, next(iter(held)), by)
                held.clear()
                self.released[cell] = True
            elif not (event.from_area and self.released[cell]):  # an area's state follows its releases
                idle.append(m2)
        if self.counting and (done or idle or not event.from_area):
            self.rows.append((event, math.fsum(idle)))

    def _leave(self, cells: Cells, event: _Event) -> None:
        for cell in cells.tolist():
            held = self.held_by[cell]
            if event.id in held:
                if len(held) == 1:
                    self._end(cell, event.what, event.id, "")
                del held[event.id]

    def _end(self, cell: int, how: str, area: str, by: str) -> None:
        if self.counting:
            spell = Spell(self.begun[cell], how, area, by)
            self.spells.setdefault(spell, []).append(float(self.ground.area_m2[cell]))


def _ledger(start: date, end: date, walk: _Walk) -> Ledger:
    exact = {spell: math.fsum(areas) for spell, areas in walk.spells.items()}
    rounded = whole(exact)
    by_area: dict[str, dict[str, int]] = {}
    by_release: dict[str, int] = {}
    total = dict.fromkeys((*BEGUN, *ENDED), 0)
    sums: dict[str, list[float]] = {term: [] for term in total}
    for spell, m2 in sorted(rounded.items()):
        line = by_area.setdefault(spell.area, dict.fromkeys(total, 0))
        for term in (spell.begun, spell.ended):
            line[term] += m2
            total[term] += m2
            sums[term].append(exact[spell])
        by_release[spell.by] = by_release.get(spell.by, 0) + m2
    rows = tuple(
        ReleaseRow(event.name, event.what, event.day, by_release.get(f"{number}", 0), round(idle))
        for number, (event, idle) in enumerate(walk.rows)
    )
    return Ledger(
        start,
        end,
        Balance(**total),
        {name: Balance(**by_area[name]) for name in sorted(by_area)},
        rows,
        {term: math.fsum(parts) for term, parts in sums.items()},
    )
