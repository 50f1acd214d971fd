"""History that shows any change: each row is chained to the one before by its hash.

Reads   rows of `history` and `changes`
Gives   hashes; `verify`, which names every row that does not fit
Knows   how rows are written into the chain; not what they mean
Start   at `chain_rows`, then `verify`

A chain shows that something was changed, not who was right: whoever can write the whole file can write a whole new
chain. Note `Verified.head` elsewhere (backups do), and a rewritten or shortened history shows too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from fadeout.records.schema import CHANGES, HISTORY

START = hashlib.sha256(b"fadeout history 1").digest()
SEPARATOR = "\x1f"
ROW = ("seq", "change", "kind", "id", "uuid", "version", "action", "sensitivity", "recorded_at", "body")
CHANGE = ("change", "at", "who", "why", "context", "undoes", "first_seq", "rows")
AT_ONCE = 20_000

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Fault:
    """A row that does not fit: which table and row, which record, and what is wrong."""

    table: str
    row: int
    record: str
    words: str

    def __str__(self) -> str:
        about = f" ({self.record})" if self.record else ""
        return f"{self.table} row {self.row}{about}: {self.words}"


@dataclass(frozen=True)
class Verified:
    """What a check of the whole history found; `head` is the last hash, to be noted elsewhere."""

    rows: int
    changes: int
    head: str
    faults: tuple[Fault, ...]


def chain(before: bytes, values: Iterable[object]) -> bytes:
    """The hash of a row: SHA-256 of the hash before it and of its values.

    Examples
    --------
    >>> chain(START, (1, "a")) == chain(START, (1, "b"))
    False
    """
    text = SEPARATOR.join(["" if value is None else str(value) for value in values])
    return hashlib.sha256(before + text.encode("utf-8", "surrogatepass")).digest()


def verify(connection: sa.Connection, say: Progress = lambda words, done: None) -> Verified:
    """Walk the whole chain; every row whose hash does not follow from it and the row before is named once."""
    faults: list[Fault] = []
    changes = iter(connection.execute(sa.select(CHANGES).order_by(CHANGES.c.change)))
    total = connection.execute(sa.select(sa.func.count()).select_from(HISTORY)).scalar_one() or 1
    head, rows, closed, change = START, 0, 0, next(changes, None)
    expected = 1
    for row in _rows(connection):
        while change is not None and row.change > change.change:
            head, closed, change = _close(change, head, expected, faults), closed + 1, next(changes, None)
        record = f"{row.kind} {row.id}, version {row.version}"
        if row.seq != expected:
            missing = f"{row.seq - expected} rows before it are missing"
            faults.append(Fault("history", row.seq, record, missing))
        if chain(head, (getattr(row, name) for name in ROW)) != bytes(row.hash):
            faults.append(Fault("history", row.seq, record, "it was changed after it was written"))
        head, expected, rows = bytes(row.hash), row.seq + 1, rows + 1
        if rows % AT_ONCE == 0:
            say("checking history", rows / total)
    while change is not None:
        head, closed, change = _close(change, head, expected, faults), closed + 1, next(changes, None)
    return Verified(rows, closed, head.hex(), tuple(faults))


def _close(change: sa.Row[tuple[object, ...]], head: bytes, expected: int, faults: list[Fault]) -> bytes:
    about = f"by {change.who} at {change.at}"
    if change.first_seq + change.rows != expected:
        lost = change.first_seq + change.rows - expected
        faults.append(Fault("changes", change.change, about, f"{lost} of its rows in history are missing"))
    if chain(head, (getattr(change, name) for name in CHANGE)) != bytes(change.hash):
        faults.append(Fault("changes", change.change, about, "it was changed after it was written"))
    return bytes(change.hash)


def _rows(connection: sa.Connection) -> Iterator[sa.Row[tuple[object, ...]]]:
    last = 0
    while True:
        found = connection.execute(
            sa.select(HISTORY).where(HISTORY.c.seq > last).order_by(HISTORY.c.seq).limit(AT_ONCE)
        ).all()
        if not found:
            return
        yield from found
        last = found[-1].seq
