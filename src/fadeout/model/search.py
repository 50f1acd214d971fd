"""Where to search next: a ranked, spread batch of boxes with reasons; the standard survey rule beside it.

Reads   a `Posterior`, a `HazardousArea`, what was searched and where a team may go
Gives   `NextBox`es; `survey_rule` gives the boxes and the area of the standard rule, as the baseline
Knows   nothing of teams, roads or days
Start   at `next_boxes`

Several aims share a batch on purpose, for each alone neglects the others (docs/explanation/model.md, "Next
boxes"): *record*   a sparse lattice of nine boxes, 200 m apart, at each strike record that nobody has
looked at; *edge*     boxes where the draws disagree most on whether the items per cell exceed the level
that bounds the area; *sweep*    boxes just outside an area of given size, where an item found is one that
would have been left; *explore*  boxes where strikes without a trace would be found, weighed by the entropy
of "a find here"; *find* and *doubt*, by the chance of a find and its entropy, are there to compare with.
docs/decisions/0004-next-boxes.md has the figures. Boxes tile the grid from cell (0, 0); box (i, j) has its
first cell at row i × side_cells, column j × side_cells.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from fadeout.model.grid import Grid
from fadeout.model.hazard import AreaOfSize, HazardousArea
from fadeout.model.posterior import Posterior
from fadeout.model.thinning import thinned

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SHARES = {"record": 0.4, "edge": 0.4, "explore": 0.2}  # of a batch, while each aim has boxes left (assumed)
FIRST = 1e9  # a share so large that the aim goes first while it has boxes
SIZED_SHARES = {
    "record": FIRST,
    "sweep": 0.75,
    "explore": 0.25,
}  # confirmed: docs/decisions/0004-next-boxes.md
AIMS = ("record", "edge", "sweep", "reduce", "explore", "find", "doubt")
# boxes within which a chosen box makes others worth less
SPREAD = {"record": 2.0, "edge": 2.0, "sweep": 1.0, "reduce": 1.0, "explore": 4.0, "find": 2.0, "doubt": 2.0}
BESIDE_SEARCHED = 0.35  # weight of boxes next to searched ones: model.md section 7
LATTICE_M = 200.0  # spacing of the boxes around a record
HALF = 0.5  # share of a box that is searched or allowed from which it counts as such
NEAR_EDGE = (
    50.0  # boxes whose expected items lie within this factor of the bounding level are looked at draw by draw
)
TABLE = 30_000_000  # draws × boxes that such a look may hold
CANDIDATES = 400  # boxes of which the expected reduction is computed
NEAR_SIZES = 8  # boxes that may enter the area: so many times as many as it has
LOOKED = 1000  # draws that it is computed from, or up to twice as many
EVEN = 1e-3  # by so much boxes of equal worth are told apart, so that they are not taken row by row


@dataclass(frozen=True)
class NextBox:
    """One box to search: its rank, its first cell (row, col), what to expect, and why it was chosen."""

    rank: int
    row: int
    col: int
    side_cells: int
    p_find: float  # chance that a complete pass finds at least one item
    expected_remaining: float
    reason: str
    aim: str  # one of `AIMS`
    record: int | None = None  # index of the recorded strike, where the aim is "record"


def next_boxes(
    posterior: Posterior,
    area: HazardousArea | AreaOfSize,
    *,
    side_cells: int,
    searched_share: ArrayLike,
    allowed: ArrayLike,
    detection: float,
    count: int = 20,
    shares: Mapping[str, float] | None = None,
    around_record: int = 3,
) -> list[NextBox]:
    """Choose the boxes to search next, best first.

    A box is free if less than half of it was searched and at least half of it is allowed and not excluded.
    The aims take turns by their share of the batch; each takes its best free box, after boxes next to
    searched ones were weighed down (× 0.35) and boxes close to those already chosen were too (1 −
    exp(−d²/2ℓ²), d in boxes).

    Parameters
    ----------
    posterior : Posterior
        Of one fit.
    area : HazardousArea
        From `hazard.delineate` of the same posterior; its `level` is what the edge is measured against.
    side_cells : int
        Box side in cells.
    searched_share : array, shape (rows, cols)
        Area share of each cell covered by any structured search; 0 is *not searched*.
    allowed : array of bool, shape (rows, cols)
        Where a team may search.
    detection : float
        Of one complete pass over a box, 0 to 1.
    count : int
        Boxes asked for; fewer are given where fewer are free.
    shares : mapping of aim to number
        How the batch is shared among aims, in proportion; `AIMS` names them all. Without it `SHARES`, or for an
        `AreaOfSize` `SIZED_SHARES` (docs/decisions/0004-next-boxes.md).
    around_record : int
        Boxes along a side of the lattice at each record.
    """
    if shares is None:
        shares = SIZED_SHARES if isinstance(area, AreaOfSize) else SHARES
    if not set(shares) <= set(AIMS) or min(shares.values(), default=-1.0) < 0:
        raise ValueError(f"shares must be at least 0, of the aims {', '.join(AIMS)}; got {dict(shares)}")
    if side_cells < 1 or not 0 < detection <= 1 or count < 0:
        raise ValueError(
            "side_cells must be at least 1, detection in 0 to 1 and above 0, count at least 0; got "
            f"{side_cells}, {detection:g}, {count}"
        )
    boxes = _boxes(posterior, side_cells, searched_share, allowed, detection)
    if not boxes.free.any():
        return []
    record_worth, record_of = _record_worth(posterior, boxes, around_record)
    above = _p_above_level(posterior, area, boxes)
    worths: dict[str, Callable[[], Array]] = {
        "record": lambda: record_worth,
        "edge": lambda: _entropy(above) * boxes.weight,
        "sweep": lambda: _sweep_worth(area, boxes),
        "reduce": lambda: _reduction(posterior, area, boxes, detection),
        "explore": lambda: _explore_worth(boxes),
        "find": lambda: boxes.p_find * boxes.weight,
        "doubt": lambda: _entropy(boxes.p_find) * boxes.weight,
    }
    worth = {aim: worths[aim]() for aim, share in shares.items() if share > 0}
    chosen = _take_turns(worth, shares, count)
    return [
        _reasoned(boxes, rank, place, aim, above, record_of)
        for rank, (place, aim) in enumerate(chosen, start=1)
    ]


@dataclass(frozen=True, eq=False)
class _Boxes:
    """The grid in boxes, arrays of shape (boxes high, boxes wide)."""

    grid: Grid
    side: int
    searched: Mask
    free: Mask
    weight: Array  # 0 where not free, 0.35 beside searched boxes, else 1
    p_find: Array
    expected: Array
    unseen: Array  # expected items of strikes without a trace
    known: Array  # expected items of known strikes


def _boxes(
    posterior: Posterior, side: int, searched_share: ArrayLike, allowed: ArrayLike, detection: float
) -> _Boxes:
    shape = posterior.grid.shape
    share, may = np.asarray(searched_share, dtype=np.float64), np.asarray(allowed, dtype=bool)
    if share.shape != shape or may.shape != shape:
        raise ValueError(
            f"searched_share and allowed have shapes {share.shape} and {may.shape}; the grid {shape}"
        )
    cells = side * side
    searched = _sums(share, side) >= HALF * cells
    free = ~searched & (_sums(may & ~posterior.excluded, side) >= HALF * cells)
    beside = ndimage.binary_dilation(searched, np.ones((3, 3), dtype=bool))
    return _Boxes(
        grid=posterior.grid,
        side=side,
        searched=searched,
        free=free,
        weight=np.where(free, np.where(beside, BESIDE_SEARCHED, 1.0), 0.0),
        p_find=posterior.p_find_in_boxes(side, detection),
        expected=_sums(posterior.expected_remaining, side),
        unseen=_sums(posterior.expected_undetected, side),
        known=_sums(posterior.expected_known, side),
    )


def _sums(raster: NDArray[np.generic], side: int) -> Array:
    """Sum a raster over boxes; cells that fill no box at the south and east edge are left out."""
    high, wide = raster.shape[0] // side, raster.shape[1] // side
    whole = raster[: high * side, : wide * side].reshape(high, side, wide, side)
    return np.asarray(whole.sum(axis=(1, 3)), dtype=np.float64)


def _entropy(p: Array) -> Array:
    """Entropy, in nats, of an event of probability p.

    Examples
    --------
    >>> [round(float(h), 3) for h in _entropy(np.array([0.0, 0.5, 1.0]))]
    [0.0, 0.693, 0.0]
    """
    p = np.clip(p, 0.0, 1.0)
    q = 1.0 - p
    return np.abs(p * np.log(np.maximum(p, 1e-300)) + q * np.log(np.maximum(q, 1e-300)))


def _p_above_level(posterior: Posterior, area: HazardousArea | AreaOfSize, boxes: _Boxes) -> Array:
    """Share of the draws in which known strikes left more in a box, per cell, than the bounding level."""
    out = np.zeros(boxes.free.shape)
    if not area.cells.any() or not area.level > 0:
        return out
    known = thinned(posterior)
    cells = boxes.side * boxes.side
    with np.errstate(divide="ignore"):
        from_level = np.abs(np.log(boxes.known / (cells * area.level)))
    from_level[~boxes.free] = np.inf
    near = np.flatnonzero(from_level < np.log(NEAR_EDGE))
    most = max(1, TABLE // known.draws.count)
    near = near[np.argsort(from_level.ravel()[near], kind="stable")[:most]]
    labels = np.full(boxes.free.shape, -1)
    labels.ravel()[near] = np.arange(len(near))
    sums = known.by_label(_of_cells(labels, boxes), len(near))
    out.ravel()[near] = (sums > cells * area.level).mean(axis=0)
    return out


def _explore_worth(boxes: _Boxes) -> Array:
    """Entropy of a find, by the part of strikes without a trace in it and by what they left around it.

    What lies around counts only on free ground, so that a box in the middle of unsearched ground goes
    before one in a corner of the grid, where a find would speak mostly of ground outside.
    """
    unseen = boxes.unseen / np.maximum(boxes.expected, 1e-300)
    around = ndimage.uniform_filter(
        boxes.unseen * boxes.free, 2 * int(SPREAD["explore"]) + 1, mode="constant"
    )
    unseen *= np.maximum(around, 0.0) / max(float(around.max()), 1e-300)
    i, j = np.indices(boxes.free.shape)
    # additive recurrence of the plastic number: the most even sequence of points known for two dimensions
    jitter = 1.0 + EVEN * ((0.7548776662 * i + 0.5698402910 * j) % 1.0)
    return np.asarray(_entropy(boxes.p_find) * unseen * boxes.weight * jitter)


def _sweep_worth(area: HazardousArea | AreaOfSize, boxes: _Boxes) -> Array:
    """Chance of finding an item of a known strike outside the area, where nobody else would look for it."""
    outside = _sums(~area.cells, boxes.side) > HALF * boxes.side**2
    known = boxes.known / np.maximum(boxes.expected, 1e-300)
    return np.asarray(boxes.p_find * known * (outside & boxes.free))


def _reduction(
    posterior: Posterior, area: HazardousArea | AreaOfSize, boxes: _Boxes, detection: float
) -> Array:
    """Expected items fewer left outside an area of the same size, once a box was searched and the area drawn anew.

    Draws are weighed by how likely they make the outcome: a find, after which the box is left, or none. Looks at
    `CANDIDATES` boxes at most, those with most items expected, and one step ahead.
    """
    out = np.zeros(boxes.free.shape)
    size = int((_sums(area.cells, boxes.side) >= HALF * boxes.side**2).sum())
    known = thinned(posterior)
    order = np.argsort(-boxes.known.ravel(), kind="stable")
    most = min(max(NEAR_SIZES * size, CANDIDATES), max(1, TABLE // known.draws.count))
    order = order[: min(np.count_nonzero(boxes.known > 0), most)]
    if not 0 < size < len(order):
        return out
    labels = np.full(boxes.free.shape, -1)
    labels.ravel()[order] = np.arange(len(order))
    items = known.by_label(_of_cells(labels, boxes), len(order))[:: max(1, known.draws.count // LOOKED)]
    candidates = np.flatnonzero(boxes.free.ravel()[order])[:CANDIDATES]

    here = items[:, candidates]
    none = np.exp(-detection * here)
    left = none * here * (1.0 - detection)  # in the box, where nothing is found
    after = np.zeros(len(candidates))
    for chance, in_box in ((none, left), (1.0 - none, here - left - (1.0 - none))):
        expected = chance.T @ items  # (candidates, boxes), times the probability of the outcome and the draws
        expected[np.arange(len(candidates)), candidates] = in_box.sum(axis=0)
        inside = np.partition(expected, -size, axis=1)[:, -size:].sum(axis=1)
        after += expected.sum(axis=1) - inside
    now = items.sum(axis=0)
    before = now.sum() - np.partition(now, -size)[-size:].sum()
    out.ravel()[order[candidates]] = np.maximum(before - after, 0.0) / len(items)
    return out


def _of_cells(labels: NDArray[np.int64], boxes: _Boxes) -> NDArray[np.int64]:
    """Labels of boxes as labels of cells, −1 where there is no box."""
    of_cell = np.full(boxes.grid.shape, -1)
    whole = np.kron(labels, np.ones((boxes.side, boxes.side), dtype=np.int64))
    of_cell[: whole.shape[0], : whole.shape[1]] = whole
    return of_cell


def record_lattice(
    grid: Grid, row: float, col: float, side_cells: int, *, per_side: int = 3, spacing_m: float = LATTICE_M
) -> list[tuple[int, int]]:
    """Give the boxes (i, j) of a square lattice of per_side² places about a record, the centre first.

    Examples
    --------
    >>> record_lattice(Grid(40, 40, 25.0), 20, 20, 2)[:3]
    [(10, 10), (6, 10), (10, 6)]
    """
    steps = (np.arange(per_side) - (per_side - 1) / 2) * spacing_m / grid.cell_m
    high, wide = grid.rows // side_cells, grid.cols // side_cells
    places: dict[tuple[int, int], float] = {}
    for down in steps:
        for across in steps:
            box = (
                int(np.floor((row + 0.5 + down) / side_cells)),
                int(np.floor((col + 0.5 + across) / side_cells)),
            )
            if 0 <= box[0] < high and 0 <= box[1] < wide:
                places.setdefault(box, float(np.hypot(down, across)))
    return sorted(places, key=lambda box: (places[box], box))


def _record_worth(posterior: Posterior, boxes: _Boxes, per_side: int) -> tuple[Array, NDArray[np.int64]]:
    """Worth of the places about records that nobody has looked at, and whose they are (−1 elsewhere).

    A place was looked at if its box or one next to it was searched; a record with a find within its lattice
    was too.
    """
    worth = np.zeros(boxes.free.shape)
    of = np.full(boxes.free.shape, -1)
    untouched = boxes.weight == 1.0
    reach = LATTICE_M / posterior.grid.cell_m + boxes.side / 2
    for number, record in enumerate(posterior.prior.recorded):
        away = np.abs(posterior.finds - [record.row, record.col]).max(axis=1, initial=0.0)
        if len(away) and away.min() <= reach:
            continue
        for place in record_lattice(posterior.grid, record.row, record.col, boxes.side, per_side=per_side):
            value = float(_entropy(boxes.p_find[place])) + 1e-12
            if untouched[place] and value > worth[place]:
                worth[place], of[place] = value, number
    return worth, of


def _take_turns(
    worth: dict[str, Array], shares: Mapping[str, float], count: int
) -> Iterator[tuple[tuple[int, int], str]]:
    """Choose boxes one by one: the aim that is furthest behind its share takes its best box."""
    worth = {aim: values.copy() for aim, values in worth.items()}
    shape = next(iter(worth.values())).shape
    taken = dict.fromkeys(worth, 0)
    rows, cols = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    for turn in range(1, count + 1):
        open_aims = [aim for aim in worth if worth[aim].max() > 0]
        if not open_aims:
            return
        whole = sum(shares[aim] for aim in open_aims)
        aim = max(open_aims, key=lambda name: shares[name] / whole * turn - taken[name])
        i, j = (int(k) for k in np.unravel_index(int(worth[aim].argmax()), shape))
        taken[aim] += 1
        yield (i, j), aim
        squared = (rows - i) ** 2 + (cols - j) ** 2
        for name, values in worth.items():
            values *= -np.expm1(-squared / (2.0 * SPREAD[name] ** 2))
            values[i, j] = 0.0


def _reasoned(
    boxes: _Boxes, rank: int, place: tuple[int, int], aim: str, above: Array, record_of: NDArray[np.int64]
) -> NextBox:
    chance = f"chance of a find {_percent(boxes.p_find[place])}"
    box = NextBox(
        rank=rank,
        row=place[0] * boxes.side,
        col=place[1] * boxes.side,
        side_cells=boxes.side,
        p_find=float(boxes.p_find[place]),
        expected_remaining=float(boxes.expected[place]),
        reason="",
        aim=aim,
    )
    if aim == "record":
        number = int(record_of[place])
        reason = f"Nobody has looked here yet, near strike record {number + 1}: {chance}."
        return replace(box, reason=reason, record=number)
    if aim == "edge":
        reason = (
            f"Settles where the area around the finds ends: {_percent(above[place])} of the draws put this "
            f"box inside; {chance}."
        )
        return replace(box, reason=reason)
    if aim == "sweep":
        reason = f"Lies outside the area, where items of a known strike may be left: {chance}."
        return replace(box, reason=reason)
    if aim == "reduce":
        reason = f"Lowers most what an area of this size is expected to leave out: {chance}."
        return replace(box, reason=reason)
    if aim in ("find", "doubt"):
        return replace(box, reason=f"Not searched: {chance}.")
    reason = f"Not searched, and no strike is known here: looks for strikes that nobody has seen; {chance}."
    return replace(box, reason=reason)


def _percent(p: float) -> str:
    return "below 1 %" if p < 0.01 else "above 99 %" if p > 0.99 else f"{100 * p:.0f} %"


@dataclass(frozen=True, eq=False)
class RuleSurvey:
    """What the standard survey rule did; masks over boxes, (boxes high, boxes wide)."""

    order: NDArray[np.int64]  # (n, 2) boxes in the order searched
    searched: Mask
    evidence: Mask  # boxes with evidence: given or found
    area: Mask  # boxes with evidence plus their surroundings


def survey_rule(
    shape: tuple[int, int],
    evidence: Iterable[tuple[int, int]],
    oracle: Callable[[int, int], bool],
    *,
    first: Iterable[tuple[int, int]] = (),
    neighbours: int = 8,
    stride: int = 1,
    plus: int = 1,
    allowed: ArrayLike | None = None,
    searched: ArrayLike | None = None,
    most: int | None = None,
) -> RuleSurvey:
    """Follow the standard survey rule: search the neighbours of every evidence box until none gives a find.

    Parameters
    ----------
    shape : (int, int)
        Boxes high and wide.
    evidence : boxes (i, j)
        With evidence before the survey.
    oracle : callable (i, j) -> bool
        Searches a box and says whether it gave a find; called once for each box.
    first : boxes (i, j)
        Searched before growing, for example `record_lattice(..., per_side=5)` of every record.
    neighbours : int
        8, or 4 (those that share an edge).
    stride : int
        Distance of the neighbours in boxes: 1, or 2 to skip one.
    plus : int
        The area is the evidence boxes and all boxes within this many of them.
    allowed, searched : arrays of bool, shape `shape`, optional
        Where a team may search; what was searched before, and is not again.
    most : int, optional
        Boxes that may be searched in all.
    """
    if neighbours not in (4, 8) or stride < 1 or plus < 0:
        raise ValueError(
            f"neighbours must be 4 or 8, stride above 0, plus at least 0; got {neighbours}, {stride}, {plus}"
        )
    may = np.ones(shape, dtype=bool) if allowed is None else np.array(allowed, dtype=bool)
    done = np.zeros(shape, dtype=bool) if searched is None else np.array(searched, dtype=bool)
    found = np.zeros(shape, dtype=bool)
    order: list[tuple[int, int]] = []
    to_grow = deque(dict.fromkeys((int(i), int(j)) for i, j in evidence))
    for box in to_grow:
        found[box] = True

    def look(box: tuple[int, int]) -> None:
        on_grid = 0 <= box[0] < shape[0] and 0 <= box[1] < shape[1]
        if not on_grid or done[box] or not may[box] or (most is not None and len(order) >= most):
            return
        done[box] = True
        order.append(box)
        if oracle(*box) and not found[box]:
            found[box] = True
            to_grow.append(box)

    for i, j in first:
        look((int(i), int(j)))
    steps = [
        (a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0) and (neighbours == 8 or a * b == 0)
    ]
    while to_grow:
        i, j = to_grow.popleft()
        for a, b in steps:
            look((i + a * stride, j + b * stride))
    near = np.ones((2 * plus + 1, 2 * plus + 1), dtype=bool)
    return RuleSurvey(
        order=np.array(order, dtype=np.int64).reshape(-1, 2),
        searched=done,
        evidence=found,
        area=np.asarray(ndimage.binary_dilation(found, near)),
    )
