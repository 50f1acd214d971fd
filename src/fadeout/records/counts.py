"""Counts of persons that give nobody away: small ones are left out, and so is what they could be worked out from.

Reads   records of persons, the names of fields to count by
Gives   `Counts`: a table with its totals, in which a number that is withheld is None
Knows   small-cell suppression; nothing of keys, and nothing of values that are sealed
Start   at `counts`; `withheld` is for tables counted elsewhere

A number below `LIMIT` is withheld, whether it stands in a cell or in a total, zeros too (that no woman was hurt says
something of every woman). From the rest of a line it could be worked out, so more must go: each such number is made a
corner of a block (one other entry of each line through it), and the whole block is withheld, in which ones can be moved
from corner to corner with every printed number unchanged (the hypercube method; Repsilber 1994; Hundepool et al. 2012,
Statistical Disclosure Control, 4.4). Blocks are taken only if this leaves `LIMIT` or more possible values for each of
their numbers, for a reader who knows all that is printed and that counts are whole and not negative.

It does not protect against a second table of the same persons, by other fields or of another day: print one, and keep
to it. Tables of few persons in a named village stay telling even so: count by district.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fadeout.errors import InputRefused, Problem
from fadeout.records.catalogue import KINDS
from fadeout.records.record import Record

LIMIT = 5  # sector practice: cells below 5 and their complements are not published (assumed)
MOST_FIELDS = 3  # assumed: with more, nearly every cell is small
TOTAL = "total"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Counts:
    """A table of counts: `cells` gives for each tuple of values, in the order of `by`, a number or None (withheld).

    "total" in the place of a value is the sum over that field.
    """

    by: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]
    cells: dict[tuple[str, ...], int | None]

    @property
    def words(self) -> str:
        """What stands below the table."""
        left = sum(value is None for value in self.cells.values())
        if not left:
            return f"Every count and total is {LIMIT} or more."
        return (
            f"{left} of {len(self.cells)} numbers are withheld to protect persons: counts and totals below {LIMIT}, "
            "and others from which these could be worked out. A withheld number is not zero."
        )


def counts(records: Iterable[Record], by: Sequence[str]) -> Counts:
    """Count records by one to three fields that hold choices; values that no record has make no row.

    Raises
    ------
    InputRefused
        If a field is no choice of the records' kind (texts and days could give a person away), or fields are too many.

    Examples
    --------
    >>> records = [Record("victim", f"V-{i}", {"sex": "male" if i % 4 else "female"}) for i in range(40)]
    >>> counts(records, ["sex"]).cells
    {('female',): 10, ('male',): 30, ('total',): 40}
    >>> counts(records[:18], ["sex"]).cells[("female",)], counts(records[:16], ["sex"]).cells
    (5, {('female',): None, ('male',): None, ('total',): 16})
    """
    found = list(records)
    _check(found, by)
    rows = [tuple(str(one.values.get(name) or UNKNOWN) for name in by) for one in found]
    categories = tuple(tuple(sorted({row[i] for row in rows})) for i in range(len(by)))
    table = np.zeros([len(values) for values in categories], dtype=np.int64)
    places = [{value: i for i, value in enumerate(values)} for values in categories]
    for row in rows:
        table[tuple(place[value] for place, value in zip(places, row, strict=True))] += 1
    whole, hidden = with_totals(table), withheld(table)
    named = itertools.product(*((*values, TOTAL) for values in categories))
    cells = {
        name: None if hide else int(value)
        for name, value, hide in zip(named, whole.flat, hidden.flat, strict=True)
    }
    return Counts(tuple(by), categories, cells)


def with_totals(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """Append to each axis its sums.

    Examples
    --------
    >>> with_totals(np.array([[1, 2], [3, 4]]))
    array([[ 1,  2,  3],
           [ 3,  4,  7],
           [ 4,  6, 10]])
    """
    for axis in range(table.ndim):
        table = np.concatenate([table, table.sum(axis=axis, keepdims=True)], axis=axis)
    return table


def withheld(table: NDArray[np.int64], limit: int = LIMIT) -> NDArray[np.bool_]:
    """Say of each cell and total whether it must be withheld.

    Parameters
    ----------
    table : ndarray of int, shape (n1, n2, ...)
        Counts without totals, 0 or more.
    limit : int
        A number below it is withheld; a withheld number has this many possible values at least.

    Returns
    -------
    ndarray of bool, shape (n1 + 1, n2 + 1, ...)
        As `with_totals` lays them out.
    """
    whole = with_totals(table)
    hidden = np.zeros(whole.shape, dtype=bool)
    if not table.size:
        return ~hidden
    small = np.argwhere(whole < limit)
    for place in sorted(map(tuple, small.tolist()), key=lambda p: (int(whole[p]), p)):
        hidden[_block(whole, hidden, place, limit)] = True
    return hidden


def _block(
    whole: NDArray[np.int64], hidden: NDArray[np.bool_], place: tuple[int, ...], limit: int
) -> tuple[NDArray[np.int64], ...]:
    """The corners of the block that protects a number at the least cost, as an index, each axis of shape (corners,).

    Along each axis the block holds `place` and one other entry. Moving one out of a cell needs one into its partner,
    but one into its total: so signs change along an axis unless one of the two is the total.
    """
    axes = range(whole.ndim)
    lines = [[j for j in range(whole.shape[a]) if j != place[a]] for a in axes]
    partners = np.array(list(itertools.product(*lines)), dtype=np.int64)  # shape (blocks, axes)
    turned = np.array(list(itertools.product([0, 1], repeat=whole.ndim)), dtype=bool)  # shape (corners, axes)
    corners = np.where(turned, partners[:, None, :], np.array(place))  # shape (blocks, corners, axes)
    index = tuple(corners[:, :, a] for a in axes)
    last = np.array(whole.shape) - 1
    swaps = (partners != last) & (np.array(place) != last)  # shape (blocks, axes): whether signs change
    signs = np.where((turned[None] & swaps[:, None, :]).sum(axis=2) % 2, -1, 1)
    values = whole[index].astype(float)
    down = np.where(signs > 0, values, np.inf).min(axis=1)
    up = np.where(signs < 0, values, np.inf).min(axis=1)
    new = np.where(hidden[index], 0.0, 1.0 + np.log1p(values)).sum(axis=1)
    cost = np.where(down + up >= limit - 1, new, np.inf)
    best = int(np.argmin(cost))
    return tuple(corners[best, :, a] for a in axes)


def _check(records: Sequence[Record], by: Sequence[str]) -> None:
    if not 1 <= len(by) <= MOST_FIELDS or len(set(by)) < len(by):
        message = f"counts are made by 1 to {MOST_FIELDS} different fields, not by {len(by)}"
        raise InputRefused([Problem("counts.fields", message, "leave some out")])
    for kind in dict.fromkeys(record.kind for record in records):
        allowed = [field.name for field in KINDS[kind].fields if field.type == "choice"]
        wrong = [name for name in by if name not in allowed]
        if wrong:
            message = f"{kind} records are not counted by {wrong[0]}: it could give a person away"
            raise InputRefused([Problem("counts.fields", message, f"count by {', '.join(allowed)}")])
