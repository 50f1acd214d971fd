"""Taking files into a store: read, propose, review, store; all of a file or nothing of it.

Reads   files in any readable format, a column map, a store
Gives   a `Review` of each file: what is new, changed, the same or refused; and a store that holds it
Knows   the order of an intake; cells and places are checked in `storing_rows`
Start   at `take_in`
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import column_map as maps
from fadeout.exchange import formats
from fadeout.exchange.layers import RawLayer, Value, key
from fadeout.jobs import land_release, likeness, storing_gate, victims
from fadeout.jobs.intake import SIMULATED
from fadeout.jobs.intake_places import check_crs, located
from fadeout.jobs.intake_tables import KEPT_ROLES, NAMED, Table, matched, role_of
from fadeout.jobs.storing_rows import Taken, entered_of, records_of
from fadeout.records import standard as standards
from fadeout.records.catalogue import KINDS
from fadeout.records.changing import NEW, WITHDRAWN, Change, Put, from_body
from fadeout.records.checking import SHAPES
from fadeout.records.key_rehearsal import Sealing
from fadeout.records.reading import Version
from fadeout.records.record import Record
from fadeout.records.store import Store

ROWS_AT_ONCE = 20_000
TOLD = 500  # changes listed one by one in a review; beyond, they are counted
REFUSALS = 1_000  # refused rows told one by one

Progress = Callable[[str, float], None]
ALIASES = {"strikes": "strike"}  # the names of an assessment's layers that are not a kind's own


@dataclass(frozen=True)
class Request:
    """What was asked: files, how to read them, who stores them and why."""

    paths: tuple[Path, ...]
    who: str
    why: str = ""
    column_map: Path | None = None
    source: str = ""  # the name under which a column map is remembered
    kind: str = ""  # of layers whose name does not say
    constants: Mapping[str, str] = field(default_factory=dict)  # values for every row
    crs: str | None = None
    order: str = "auto"
    standard: str | None = None  # the national standard that steps of areas are held to
    repair: bool = False  # a person's yes to mending polygons that cross themselves; the original is kept
    keys: Path | None = None  # the key file of persons
    master: bytes | None = None  # the key that encrypts it
    dry_run: bool = False
    leave_out: frozenset[tuple[str, int]] = frozenset()  # rows that a person left out: layer, row of the file


CLAIMS = ("claim", "claim_source")


@dataclass
class Review:
    """What an intake of one file would do, or did."""

    file: str
    sha256: str = ""
    counts: dict[str, Put] = field(default_factory=dict)  # by kind
    details: list[dict[str, Any]] = field(default_factory=list)  # the first `TOLD`
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    findings: dict[str, int] = field(default_factory=dict)  # of the geometry gate: rows, by code
    duplicates: list[dict[str, Any]] = field(default_factory=list)  # new records that may tell of one thing
    change: int | None = None  # the change that holds it, once stored

    @property
    def put(self) -> Put:
        """All kinds together."""
        return sum(self.counts.values(), Put())

    def as_json(self) -> dict[str, Any]:
        """The review as plain values."""
        return {
            "file": self.file,
            "sha256": self.sha256,
            "stored_as_change": self.change,
            "kinds": {kind: vars(put) for kind, put in self.counts.items()},
            "details": self.details,
            "refused": [vars(problem) for problem in self.problems],
            "findings": self.findings,
            "duplicates": self.duplicates,
            "notes": self.notes,
        }


def take_in(
    store: Store,
    request: Request,
    *,
    today: date,
    say: Progress = lambda words, done: None,
    tell: Callable[[Review], None] = lambda review: None,
) -> list[Review]:
    """Take files in, one change each; a file with a faulty row is refused whole, the others are still taken in.

    With `dry_run` nothing is stored, and the reviews tell what would be. `tell` is given each review as soon as its file
    is stored or refused: what was told as stored is stored, whatever happens after.
    """
    mapping = _mapping(store, request)
    reviews = []
    for n, path in enumerate(request.paths):
        say(f"reading {path.name}", n / len(request.paths))
        reviews.append(_take_file(store, request, path, mapping, today, say))
        tell(reviews[-1])
    if request.column_map and request.source and not request.dry_run:
        text = request.column_map.read_text(encoding="utf-8")
        store.remember("column_map", request.source, text, request.who)
    return reviews


def _mapping(store: Store, request: Request) -> maps.ColumnMap:
    """The map that was given, else the one remembered for the source."""
    if request.column_map is not None:
        return maps.load(request.column_map)
    kept = store.remembered("column_map", request.source) if request.source else None
    if request.source and kept is None:
        message = f"no column map is remembered for the source '{request.source}'"
        raise InputRefused([Problem("intake.no-map", message, "give it once with --map FILE")])
    return maps.parse(kept.encode(), f"the map of {request.source}") if kept else maps.ColumnMap()


def _take_file(
    store: Store, request: Request, path: Path, mapping: maps.ColumnMap, today: date, say: Progress
) -> Review:
    review = Review(path.name)
    try:
        digests = formats.digests(path) if path.exists() else ()
        review.sha256 = digests[0][1] if digests else ""
        context = {
            "file": path.name,
            "digests": dict(digests),
            "map": _digest(mapping),
            "fadeout": version("fadeout"),
        }
        why = request.why or f"intake of {path.name}"
        with store.change(who=request.who, why=why, context=context, keep=not request.dry_run) as change:
            _Intake(store, change, request, mapping, today, review).take(path, say)
            if review.problems:
                raise InputRefused(review.problems)
            if change.rows and not request.dry_run:
                review.change = change.number
    except InputRefused as refused:
        review.problems = list(refused.problems)
        review.change = None
    return review


def _digest(mapping: maps.ColumnMap) -> str:
    if not mapping.file:
        return ""
    return f"{mapping.file} {hashlib.sha256(mapping.model_dump_json().encode()).hexdigest()}"


@dataclass
class _Intake:
    """One file on its way into an open change: what was seen of it so far."""

    store: Store
    change: Change
    request: Request
    mapping: maps.ColumnMap
    today: date
    review: Review
    seen: list[RawLayer] = field(default_factory=list)
    ids: dict[str, set[str]] = field(default_factory=dict)
    stepped: dict[str, Record] = field(default_factory=dict)  # hazardous areas that it changes, as they were
    fresh: dict[str, set[str]] = field(
        default_factory=dict
    )  # ids that are new to the store, of kinds compared
    known: dict[str, bool] = field(
        default_factory=dict
    )  # whether the store held any of a kind before the file
    layer: str = ""  # that is being put, and the rows of the file by id
    rows: dict[str, int] = field(default_factory=dict)

    def take(self, path: Path, say: Progress) -> None:
        """Read the file piece by piece; put what is sound, gather what is not."""
        review, done = self.review, 0
        ground = storing_gate.ground_of(self.change, self.request.who)
        for piece in formats.chunks(path, ROWS_AT_ONCE):
            piece = self.wanted(piece)
            self.seen.append(replace(piece, columns={}, geometries=(), rows=()))
            for ready, unknown in _tables(piece, self.request, self.mapping, review.problems, review.notes):
                done += self.take_table(ready, unknown, ground)
                say(f"{path.name}: {done} rows", 0.5)
            if len(review.problems) >= REFUSALS:
                message = f"more than {REFUSALS} rows are refused; the rest of the file was not looked at"
                review.problems.append(Problem("intake.many", message, "mend these first", path.name))
                return
        if self.mapping.layer:
            review.problems += self.mapping.unmatched(self.seen)
        if not review.problems:
            review.duplicates, notes = likeness.of_new(self.change, self.fresh, self.request.who)
            review.notes += notes
        if self.stepped and not review.problems:
            standard = standards.load(self.request.standard)
            review.problems += land_release.checked_steps(
                self.change, self.stepped, standard, self.request.who
            )

    def wanted(self, piece: RawLayer) -> RawLayer:
        """A piece of a layer without the rows that a person left out."""
        left = {row for layer, row in self.request.leave_out if layer == piece.name}
        if not left.intersection(piece.rows):
            return piece
        return piece.kept([i for i, row in enumerate(piece.rows) if row not in left])

    def take_table(self, ready: _Ready, unknown: Sequence[str], ground: BaseGeometry | None) -> int:
        """Check a table and put its records, unless anything of the file was refused before; give how many rows."""
        review, table = self.review, ready.table
        if table.role in CLAIMS:  # checked as a whole, not row by row
            remedy = "put them in with: fadeout registry load"
            review.problems.append(table.problem("intake.claims", "these are claims of the registry", remedy))
            return 0
        taken = records_of(table, *ready.entered, self.today, review.problems)
        _note_unknown(table, unknown, review)
        _twice(table, taken, self.ids, review.problems)
        taken = storing_gate.gated(
            taken, table, ground, self.request.repair, review.problems, review.findings, review.notes
        )
        if not review.problems:
            self.rows = {one.id: row for one, row in zip(taken.records, taken.rows, strict=True)}
            self.layer = table.layer.name
            self.put(taken)
        return len(taken.records)

    @cached_property
    def keys(self) -> Sealing:
        """The key file of persons, opened and held against the store once a file; a rehearsal writes nothing in it."""
        open_keys = victims.rehearsal_keys if self.request.dry_run else victims.keys_of
        return open_keys(self.store, self.request.keys, self.request.master)

    def put(self, taken: Taken) -> None:
        """Store records, persons sealed first, and note what is new in them."""
        records = self.completed(taken)
        if taken.kind in victims.PERSONS:
            records = victims.sealed(self.keys, records)
        self.change.tell = self.tell
        put = self.change.put(records)
        self.review.counts[taken.kind] = self.review.counts.get(taken.kind, Put()) + put

    def completed(self, taken: Taken) -> list[Record]:
        """Records with what the store knows beyond the file: a column that a file has not leaves its field as it is.

        An empty cell empties its field; a row without a place keeps the one it had. How a place was entered goes with it.
        """
        if taken.kind not in self.known:
            self.known[taken.kind] = self.change.knows(taken.kind)
        if not self.known[taken.kind]:
            return taken.records
        before = self.change.before(taken.kind, [one.id for one in taken.records])
        done = []
        for record in taken.records:
            last = before.get(record.id)
            if last is not None and last.action != WITHDRAWN:
                was = from_body(taken.kind, record.id, last.body)
                shape = was.shape if record.shape is None else record.shape
                moved = shape is not None and not shape.equals(was.shape)
                gone = taken.columns | ({"entered", "entered_crs"} if moved else set())
                kept = {name: value for name, value in was.values.items() if name not in gone}
                record = replace(record, values={**kept, **record.values}, shape=shape)
            done.append(record)
        return done

    def tell(self, kind: str, id: str, action: str, before: str | None, after: str) -> None:
        """Note one new version."""
        if action == NEW and kind in likeness.COMPARED:
            fresh = self.fresh.setdefault(kind, set())
            if len(fresh) <= likeness.MOST_COMPARED:  # beyond, nothing of the kind is compared
                fresh.add(id)
        if kind == "hazardous_area" and before is not None:
            self.stepped.setdefault(id, from_body(kind, id, before))
        if len(self.review.details) < TOLD:
            place = {"layer": self.layer, "row": self.rows.get(id)}
            told = {"kind": kind, "id": id, "action": action, "fields": _fields(before, after), **place}
            self.review.details.append(told)


@dataclass(frozen=True, eq=False)
class _Ready:
    table: Table
    entered: tuple[list[str], str]


def _tables(
    piece: RawLayer,
    request: Request,
    mapping: maps.ColumnMap,
    problems: list[Problem],
    notes: list[str],
) -> Iterator[tuple[_Ready, list[str]]]:
    """What a piece of a layer holds: the kinds it becomes, with geometries and our names."""
    for note in piece.notes:
        _note(notes, note)
    layers = mapping.become(piece, problems) if mapping.layer else [piece]
    if not layers:
        _note(notes, f"{piece.file}, layer {piece.name}: the column map does not speak of it, left out")
    for layer in layers:
        role = role_of(layer, NAMED)
        if role is None or (role in ("area", "excluded") and request.kind):
            role = request.kind
        kind = ALIASES.get(role, role)
        if kind not in KINDS:
            if role in ("area", "excluded"):
                _note(notes, f"{layer.file}, layer {layer.name}: a study area is no record, left out")
            else:
                problems.append(_unknown_layer(layer))
            continue
        if kind == request.kind and not _may_be(layer, kind):
            _note(notes, f"{layer.file}, layer {layer.name}: holds no ground of a {kind}, left out")
            continue
        layer = _without_empty_tracks(layer, notes)
        layer = _with_constants(layer, {**_stamped(layer, mapping), **request.constants})
        entered = entered_of(layer)
        needs_place = bool(KINDS[kind].geometry)
        if layer.table and not needs_place:
            layer = replace(layer, table=False)
        ready = located([layer], request.crs or mapping.crs or None, request.order, problems)[0]
        table, unknown = matched(ready, kind, KEPT_ROLES[kind], problems)
        if needs_place:
            check_crs([table], problems)
        _check_required(table, problems)
        yield _Ready(table, entered), unknown


def _without_empty_tracks(layer: RawLayer, notes: list[str]) -> RawLayer:
    """Receivers write a track without a point when they are switched on: no row of anybody's."""
    if layer.format != "GPX":
        return layer
    kept = [i for i, shape in enumerate(layer.geometries) if shape is not None and not shape.is_empty]
    if len(kept) < len(layer):
        _note(
            notes,
            f"{layer.file}, layer {layer.name}: {len(layer) - len(kept)} tracks without a point, left out",
        )
    return layer.kept(kept)


def _may_be(layer: RawLayer, kind: str) -> bool:
    """Whether any place of a layer can be one of a kind: a GPX file holds waypoints beside its tracks."""
    wanted = SHAPES[KINDS[kind].geometry]
    if layer.table or not wanted or not len(layer):
        return True
    return any(shape is not None and shape.geom_type in wanted for shape in layer.geometries)


def _stamped(layer: RawLayer, mapping: maps.ColumnMap) -> dict[str, str]:
    """The stamp of a layer that is made up and does not say so itself: by its file's name, or by the map."""
    made_up = mapping.simulated or SIMULATED.lower() in layer.file.lower()
    words = "; ".join(word for word in (SIMULATED if made_up else "", mapping.stamp) if word)
    return {"stamp": words} if words and layer.column("stamp") is None else {}


def _with_constants(layer: RawLayer, constants: Mapping[str, str]) -> RawLayer:
    filled: dict[str, tuple[Value, ...]] = {name: (value,) * len(layer) for name, value in constants.items()}
    return replace(layer, columns={**layer.columns, **filled}) if constants else layer


def _unknown_layer(layer: RawLayer) -> Problem:
    message = f"neither the layer's name '{layer.name}' nor the file's says what it holds"
    remedy = f"name its kind with --kind ({', '.join(KINDS)}), or give a column map"
    return Problem("intake.unknown-layer", message, remedy, layer.file, layer.name)


def _check_required(table: Table, problems: list[Problem]) -> None:
    missing = [
        about.name for about in KINDS[table.role].fields if about.required and about.name not in table.columns
    ]
    missing = (["id"] if "id" not in table.columns else []) + missing
    if missing and len(table.layer):
        found = ", ".join(table.layer.columns) or "none"
        message = f"missing column {', '.join(missing)}; the columns are {found}"
        remedy = "add it, name the column in a column map, or number_ids there for rows without ids"
        problem = table.problem("intake.missing-column", message, remedy)
        if problem not in problems:
            problems.append(problem)


def _note_unknown(table: Table, unknown: Sequence[str], review: Review) -> None:
    used = set(table.columns.values())
    strange = [n for n in unknown if not n.startswith("_") and key(n) != "fid" and n not in used]
    if strange:
        _note(
            review.notes, f"{table.layer.file}, layer {table.layer.name}: left out are {', '.join(strange)}"
        )


def _note(notes: list[str], words: str) -> None:
    if words not in notes:
        notes.append(words)


def _twice(table: Table, taken: Taken, ids: dict[str, set[str]], problems: list[Problem]) -> None:
    """Refuse rows whose id stands in the file already."""
    seen = ids.setdefault(taken.kind, set())
    counts = Counter(record.id for record in taken.records)
    for record, row in zip(taken.records, taken.rows, strict=True):
        if counts[record.id] > 1 or record.id in seen:
            message = f"the id '{record.id}' stands twice"
            remedy = "give each an id of its own"
            problems.append(table.problem("intake.duplicate-id", message, remedy, row))
    seen |= counts.keys()


def _fields(before: str | None, after: str) -> list[str]:
    """The fields in which two versions differ."""
    if before is None:
        return []
    old, new = json.loads(before), json.loads(after)
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def differences(versions: Sequence[Version]) -> list[dict[str, Any]]:
    """Tell of each version of a record which fields differ from the one before it."""
    rows: list[dict[str, Any]] = []
    before: Record | None = None
    for one in versions:
        record = one.record
        last = before if before is not None and before.kind == record.kind else None
        rows.append(
            {
                "kind": record.kind,
                "version": record.version,
                "action": one.action,
                "at": one.at,
                "who": one.who,
                "why": one.why,
                "change": one.change,
                "changed": _changed(last, record) if last is not None else [],
            }
        )
        before = record
    return rows


def _changed(before: Record, after: Record) -> list[str]:
    names = before.values.keys() | after.values.keys()
    changed = sorted(name for name in names if before.values.get(name) != after.values.get(name))
    return changed + (["place"] if before.shape != after.shape else [])
