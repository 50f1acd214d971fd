"""Polygons laid over a grid, exactly: which cells lie wholly in which search, and how the others are cut.

Reads   polygons in the grid's CRS
Gives   `Cover` (whole squares of cells, and pieces of cut cells), and from it what went over each piece of a cell
Knows   plane geometry; nothing of what the polygons stand for
Start   at `cover`, then `part` (or `combine`, if all that is wanted is one raster)

A polygon is halved and halved again with the squares it touches, as in a quadtree, all polygons in step: squares
that lie wholly inside are kept whole, so that the work grows with the length of the edges, not with the area.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

TOLERANCE = 1e-6  # of a cell's area: less is nothing, so that edges on cell borders cut no slivers
MOST_PIECES = 12  # searches that may cut one cell exactly; above, the cell is sampled
SAMPLES = 24  # along each side of a sampled cell
BITS = 3  # of a key, for each kind of search
MOST_TIMES = 2**BITS - 1  # more passes of one kind over one place count as so many
MOST_KINDS = 62 // BITS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Shapes = NDArray[np.object_]


@dataclass(frozen=True)
class Frame:
    """A grid's place in its CRS: x = west + col · cell_m, y = north − row · cell_m at the corners of cells."""

    west: float
    north: float
    cell_m: float
    rows: int
    cols: int

    @property
    def centres_x(self) -> Floats:
        """Give x of the columns' centres."""
        return np.asarray(self.west + (np.arange(self.cols) + 0.5) * self.cell_m)

    @property
    def centres_y(self) -> Floats:
        """Give y of the rows' centres, from north to south."""
        return np.asarray(self.north - (np.arange(self.rows) + 0.5) * self.cell_m)

    def cell_of(self, x: float, y: float) -> tuple[int, int]:
        """Row and column of the cell at a place; the nearest cell for a place outside the grid."""
        row = math.floor((self.north - y) / self.cell_m)
        col = math.floor((x - self.west) / self.cell_m)
        return min(max(row, 0), self.rows - 1), min(max(col, 0), self.cols - 1)

    def outside(self, x: float, y: float) -> float:
        """Metres from a place to the grid, 0 inside."""
        east, south = self.west + self.cols * self.cell_m, self.north - self.rows * self.cell_m
        return math.hypot(max(self.west - x, 0.0, x - east), max(south - y, 0.0, y - self.north))

    def distance(self, cell: tuple[int, int], x: float, y: float) -> float:
        """Metres from a place to a cell, 0 inside."""
        return float(self.distances(np.array([cell]), x, y)[0])

    def distances(self, cells: Ints, x: float, y: float) -> Floats:
        """Metres from a place to each of some cells."""
        half = self.cell_m / 2
        dx = np.abs(self.west + (cells[:, 1] + 0.5) * self.cell_m - x) - half
        dy = np.abs(self.north - (cells[:, 0] + 0.5) * self.cell_m - y) - half
        return np.asarray(np.hypot(np.maximum(dx, 0.0), np.maximum(dy, 0.0)))

    def nearest(self, cells: Ints, x: float, y: float) -> tuple[int, int]:
        """The one of some cells (n, 2) that lies nearest to a place; of equals the one whose centre is nearer."""
        away = self.distances(cells, x, y)
        centre = np.hypot(
            self.west + (cells[:, 1] + 0.5) * self.cell_m - x,
            self.north - (cells[:, 0] + 0.5) * self.cell_m - y,
        )
        row, col = cells[np.lexsort((centre, away))[0]]
        return int(row), int(col)

    def squares(self, row: Ints, col: Ints, size: int = 1) -> Shapes:
        """The squares of `size` × `size` cells whose north-west cells are given, as polygons."""
        x0, y1 = self.west + col * self.cell_m, self.north - row * self.cell_m
        side = size * self.cell_m
        return np.asarray(shapely.box(x0, y1 - side, x0 + side, y1), dtype=object)


@dataclass(frozen=True, eq=False)
class Cover:
    """What some polygons cover: squares of whole cells, and pieces of cut cells. `…_of` is the polygon's index."""

    whole_of: Ints
    whole_row: Ints
    whole_col: Ints
    whole_size: Ints
    cut_of: Ints
    cut_row: Ints
    cut_col: Ints
    cut_shape: Shapes
    cut_share: Floats


def cover(polygons: Sequence[BaseGeometry], frame: Frame) -> Cover:
    """Lay polygons over the grid; what lies outside it is left out."""
    waiting = _start(polygons, frame)
    whole: list[tuple[Ints, Ints, Ints, Ints]] = []
    cut = _nothing()
    while waiting:
        size = max(waiting)
        of, row, col, shape = (np.concatenate(parts) for parts in zip(*waiting.pop(size), strict=True))
        pieces = _polygons_only(shapely.intersection(shape, frame.squares(row, col, size)))
        area = shapely.area(pieces) / frame.cell_m**2
        inside = area >= size * size - TOLERANCE
        whole.append((of[inside], row[inside], col[inside], np.full(int(inside.sum()), size, dtype=np.int64)))
        part = ~inside & (area > TOLERANCE)
        if size == 1:
            cut = (of[part], row[part], col[part], pieces[part], area[part])
        elif part.any():
            waiting.setdefault(size // 2, []).extend(
                _quarters((of[part], row[part], col[part], pieces[part]), size // 2, frame)
            )
    of, row, col, sizes = (
        np.concatenate(parts) for parts in zip(_nothing()[:3] + _nothing()[:1], *whole, strict=True)
    )
    return Cover(of, row, col, sizes, *cut)


Blocks = tuple[Ints, Ints, Ints, Shapes]


def _nothing() -> tuple[Ints, Ints, Ints, Shapes, Floats]:
    none = np.empty(0, dtype=np.int64)
    return none, none, none, np.empty(0, dtype=object), np.empty(0)


def _start(polygons: Sequence[BaseGeometry], frame: Frame) -> dict[int, list[Blocks]]:
    """For each polygon the few squares, of a side near its own, that hold it."""
    waiting: dict[int, list[Blocks]] = {}
    for index, polygon in enumerate(polygons):
        if polygon.is_empty:
            continue
        shape = polygon if polygon.is_valid else shapely.make_valid(polygon)
        x0, y0, x1, y1 = shape.bounds
        top, bottom = (frame.north - y1) / frame.cell_m, (frame.north - y0) / frame.cell_m
        left, right = (x0 - frame.west) / frame.cell_m, (x1 - frame.west) / frame.cell_m
        top, bottom = max(top, 0.0), min(bottom, float(frame.rows))
        left, right = max(left, 0.0), min(right, float(frame.cols))
        if top >= bottom or left >= right:
            continue
        size = 2 ** max(0, math.ceil(math.log2(max(bottom - top, right - left, 1.0))))
        rows = np.arange(math.floor(top / size), math.ceil(bottom / size), dtype=np.int64) * size
        cols = np.arange(math.floor(left / size), math.ceil(right / size), dtype=np.int64) * size
        row, col = (grid.ravel() for grid in np.meshgrid(rows, cols, indexing="ij"))
        shapes = np.full(row.size, shape, dtype=object)
        waiting.setdefault(size, []).append((np.full(row.size, index, dtype=np.int64), row, col, shapes))
    return waiting


def _quarters(blocks: Blocks, half: int, frame: Frame) -> list[Blocks]:
    """The four squares of half the side in each square, those outside the grid left out."""
    of, row, col, shape = blocks
    quarters = []
    for down in (0, half):
        for across in (0, half):
            inside = (row + down < frame.rows) & (col + across < frame.cols)
            quarters.append((of[inside], row[inside] + down, col[inside] + across, shape[inside]))
    return quarters


def _polygons_only(shapes: Shapes) -> Shapes:
    """Drop the points and lines that remain where a polygon only touches a square."""
    mixed = np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION)
    for i in mixed:
        parts = shapely.get_parts(shapes[i])
        shapes[i] = shapely.union_all(parts[shapely.get_dimensions(parts) == 2])
    return shapes


def centres_in(polygon: BaseGeometry, frame: Frame) -> NDArray[np.bool_]:
    """Say of each cell whether its centre lies in a polygon."""
    covered = cover([polygon], frame)
    inside = np.zeros((frame.rows, frame.cols), dtype=bool)
    for row, col, size in zip(covered.whole_row, covered.whole_col, covered.whole_size, strict=True):
        inside[row : row + size, col : col + size] = True
    x, y = frame.centres_x[covered.cut_col], frame.centres_y[covered.cut_row]
    inside[covered.cut_row, covered.cut_col] = shapely.intersects_xy(covered.cut_shape, x, y)
    return inside


# --- effort ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Pieces:
    """Pieces of cells that were searched alike: the cell (flat index), its area share, and what went over it.

    `key` holds how many groups of each kind 0, 1, … went over it, `BITS` bits a kind (`times` reads it); `known` is the
    combined detection of the groups of kind -1.
    """

    cell: Ints
    share: Floats
    key: Ints
    known: Floats


def times(keys: Ints, kinds: int) -> Ints:
    """How many groups of each kind went over pieces of some keys, shape (keys, kinds).

    Examples
    --------
    >>> times(np.array([0b1010]), 2)
    array([[2, 1]])
    """
    return np.asarray((keys[:, None] >> (BITS * np.arange(kinds))) & MOST_TIMES)


def sums(of: Ints, values: Floats, size: int) -> Floats:
    """Sum values by index, shape (size,)."""
    return np.asarray(np.bincount(of, weights=values, minlength=size), dtype=np.float64)


def combine(
    covered: Cover, detection: Floats, group: Ints, frame: Frame, most: float = 1.0
) -> tuple[Floats, Floats]:
    """Give keep(x) = Σ pieces (area share) · Π groups (1 − p), and the share of each cell under any polygon.

    Polygons of one group count once where they overlap: with the largest detection among them.
    """
    kind = np.full(len(detection), -1, dtype=np.int64)
    pieces = part(covered, detection, group, kind, frame, most)
    size, shape = frame.rows * frame.cols, (frame.rows, frame.cols)
    found = sums(pieces.cell, pieces.share * pieces.known, size)
    share = sums(pieces.cell, pieces.share, size)
    keep = np.asarray(np.clip(1.0 - found, 0.0, 1.0))
    return keep.reshape(shape), np.asarray(np.clip(share, 0.0, 1.0)).reshape(shape)


def part(
    covered: Cover, detection: Floats, group: Ints, kind: Ints, frame: Frame, most: float = 1.0
) -> Pieces:
    """Part all covered ground into pieces that were searched alike.

    Each polygon has a detection, a group and a kind. Polygons of one group count once where they overlap: as that of
    the largest detection. Several groups of kind -1 detect `most` at most, unless one of them alone detects more.
    """
    tally = _whole_cells(covered, detection, group, kind, frame)
    anywhere = tally.anywhere.ravel()
    cut: list[Pieces] = []
    if len(covered.cut_of):
        cells, units = _units(covered, frame)
        anywhere[cells] = False
        cut = [_evaluate(covered, cells, units, detection, group, kind, frame, most)]
    whole = np.flatnonzero(anywhere)
    known = _together(tally.log.ravel()[whole], tally.best.ravel()[whole], most)
    parts = [Pieces(whole, np.ones(len(whole)), tally.key.ravel()[whole], known), *cut]
    return Pieces(
        *(
            np.concatenate([getattr(piece, name) for piece in parts])
            for name in ("cell", "share", "key", "known")
        )
    )


def _together(log: Floats, best: Floats, most: float) -> Floats:
    """Combined detection of groups from the sum of log(1 − p) and the best p among them."""
    return np.maximum(best, np.minimum(-np.expm1(log), most))


@dataclass(frozen=True, eq=False)
class _Tally:
    """What went over each whole cell, shapes (rows, cols)."""

    key: Ints
    log: Floats
    best: Floats
    anywhere: NDArray[np.bool_]


def _whole_cells(covered: Cover, detection: Floats, group: Ints, kind: Ints, frame: Frame) -> _Tally:
    """Count what goes over whole cells."""
    shape = (frame.rows, frame.cols)
    tally = _Tally(np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape), np.zeros(shape, bool))
    groups = group[covered.whole_of]
    order = np.argsort(groups, kind="stable")
    edges = np.flatnonzero(np.diff(groups[order])) + 1
    for members in np.split(order, edges) if len(order) else ():
        rows, cols, sizes = (
            covered.whole_row[members],
            covered.whole_col[members],
            covered.whole_size[members],
        )
        top, left = int(rows.min()), int(cols.min())
        window = (slice(top, int((rows + sizes).max())), slice(left, int((cols + sizes).max())))
        best = np.zeros(tally.best[window].shape)
        chosen = np.full(best.shape, -1, dtype=np.int64)
        for row, col, size, of in zip(rows - top, cols - left, sizes, covered.whole_of[members], strict=True):
            square = (slice(row, row + size), slice(col, col + size))
            better = detection[of] > best[square]
            best[square][better] = detection[of]
            chosen[square][better] = of
            tally.anywhere[window][square] = True
        _count(tally, window, best, np.where(chosen >= 0, kind[chosen], -1))
    return tally


def _count(tally: _Tally, window: tuple[slice, slice], best: Floats, kinds: Ints) -> None:
    """Count one group over a window: its detection and kind in each cell."""
    known = np.where(kinds < 0, best, 0.0)
    with np.errstate(divide="ignore"):
        tally.log[window] += np.log1p(-known)
    np.maximum(tally.best[window], known, out=tally.best[window])
    key = tally.key[window]
    for k in np.unique(kinds[kinds >= 0]):
        here = (kinds == k) & (((key >> (BITS * k)) & MOST_TIMES) < MOST_TIMES)
        key[here] += np.int64(1) << (BITS * k)


@dataclass(frozen=True, eq=False)
class Units:
    """Pieces of cut cells that lie under the same polygons: cell (index), area share, and (unit, cut entry) pairs."""

    cell: Ints
    share: Floats
    pair_unit: Ints
    pair_entry: Ints


def _units(covered: Cover, frame: Frame) -> tuple[Ints, Units]:
    """Part every cut cell into pieces. Gives the flat indices of the cut cells, and the pieces."""
    flat = covered.cut_row * frame.cols + covered.cut_col
    cells, entry_cell, times = np.unique(flat, return_inverse=True, return_counts=True)
    order = np.argsort(entry_cell, kind="stable")
    first = np.concatenate([[0], np.cumsum(times)])
    rank = np.empty(len(flat), dtype=np.int64)
    rank[order] = np.arange(len(flat)) - np.repeat(first[:-1], times)
    by_rank = np.full((len(cells), min(int(times.max()), MOST_PIECES)), -1, dtype=np.int64)
    low = rank < by_rank.shape[1]
    by_rank[entry_cell[low], rank[low]] = np.flatnonzero(low)
    exact = np.flatnonzero(times <= MOST_PIECES)
    parts = [_arrange(covered, cells, by_rank, times, exact, frame)]
    for cell in np.flatnonzero(times > MOST_PIECES):
        parts.append(_sampled(covered, cells, int(cell), order[first[cell] : first[cell + 1]], frame))
    return cells, _joined(parts)


def _arrange(covered: Cover, cells: Ints, by_rank: Ints, times: Ints, exact: Ints, frame: Frame) -> Units:
    """Split the cells by one polygon after the other: the pieces inside, the pieces outside."""
    row, col = np.divmod(cells[exact], frame.cols)
    cell, shape = exact, frame.squares(row, col)
    area = np.ones(len(exact))
    under = np.zeros((len(exact), by_rank.shape[1]), dtype=bool)
    for r in range(by_rank.shape[1]):
        turn = np.flatnonzero(times[cell] > r)
        if not len(turn):
            break
        cutter = by_rank[cell[turn], r]
        if r == 0:
            inner, inner_area = covered.cut_shape[cutter], covered.cut_share[cutter]
        else:
            inner = _polygons_only(shapely.intersection(shape[turn], covered.cut_shape[cutter]))
            inner_area = shapely.area(inner) / frame.cell_m**2
        outer_area = area[turn] - inner_area
        outer = np.full(len(turn), None, dtype=object)
        again = times[cell[turn]] > r + 1  # only then is the outer piece itself needed
        outer[again] = _polygons_only(
            shapely.difference(shape[turn][again], covered.cut_shape[cutter[again]])
        )
        inside, outside = inner_area > TOLERANCE, outer_area > TOLERANCE
        with_this = under[turn].copy()
        with_this[:, r] = True
        rest = np.ones(len(cell), dtype=bool)
        rest[turn] = False
        cell = np.concatenate([cell[rest], cell[turn][inside], cell[turn][outside]])
        shape = np.concatenate([shape[rest], inner[inside], outer[outside]])
        area = np.concatenate([area[rest], inner_area[inside], outer_area[outside]])
        under = np.concatenate([under[rest], with_this[inside], under[turn][outside]])
    unit, which = np.nonzero(under)
    return Units(cell, area, unit, by_rank[cell[unit], which])


def _sampled(covered: Cover, cells: Ints, cell: int, entries: Ints, frame: Frame) -> Units:
    """A cell cut by very many polygons, as equal pieces around sample points."""
    row, col = divmod(int(cells[cell]), frame.cols)
    steps = (np.arange(SAMPLES) + 0.5) / SAMPLES * frame.cell_m
    x, y = np.meshgrid(frame.west + col * frame.cell_m + steps, frame.north - row * frame.cell_m - steps)
    shapes = covered.cut_shape[entries]
    under = shapely.intersects_xy(shapes[:, None], x.ravel()[None, :], y.ravel()[None, :])
    patterns, times = np.unique(under.T, axis=0, return_counts=True)
    unit, which = np.nonzero(patterns)
    share = times / SAMPLES**2
    return Units(np.full(len(share), cell, dtype=np.int64), share, unit, entries[which])


def _joined(parts: Sequence[Units]) -> Units:
    offsets = np.concatenate([[0], np.cumsum([len(part.cell) for part in parts])])[:-1]
    return Units(
        np.concatenate([part.cell for part in parts]),
        np.concatenate([part.share for part in parts]),
        np.concatenate([part.pair_unit + start for part, start in zip(parts, offsets, strict=True)]),
        np.concatenate([part.pair_entry for part in parts]),
    )


def _evaluate(
    covered: Cover,
    cells: Ints,
    units: Units,
    detection: Floats,
    group: Ints,
    kind: Ints,
    frame: Frame,
    most: float,
) -> Pieces:
    """Count what goes over the pieces of cut cells: the polygons that cut them, and those that hold them whole."""
    held_cell, held_of = _holding(covered, cells, frame)
    by_cell = np.argsort(held_cell, kind="stable")
    counts = np.bincount(held_cell, minlength=len(cells))
    first = np.concatenate([[0], np.cumsum(counts)])[:-1]
    each = counts[units.cell]
    unit = np.repeat(np.arange(len(units.cell)), each)
    within = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
    held = held_of[by_cell[np.repeat(first[units.cell], each) + within]]
    units_all = np.concatenate([units.pair_unit, unit])
    of = np.concatenate([covered.cut_of[units.pair_entry], held])
    order = np.lexsort((detection[of], group[of], units_all))
    sorted_unit, sorted_group = units_all[order], group[of][order]
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (np.diff(sorted_unit) != 0) | (np.diff(sorted_group) != 0)
    chosen, of_unit = of[order][last], sorted_unit[last]
    count = len(units.cell)
    p = np.where(kind[chosen] < 0, detection[chosen], 0.0)
    with np.errstate(divide="ignore"):
        log = sums(of_unit, np.log1p(-p), count)
    best = np.zeros(count)
    np.maximum.at(best, of_unit, p)
    key = np.zeros(count, dtype=np.int64)
    for k in np.unique(kind[chosen][kind[chosen] >= 0]):
        here = np.bincount(of_unit[kind[chosen] == k], minlength=count)
        key += np.minimum(here, MOST_TIMES) << (BITS * k)
    whole = np.bincount(units.cell, weights=units.share, minlength=len(cells))
    share = units.share / whole[units.cell]
    under = np.bincount(sorted_unit, minlength=count) > 0
    return Pieces(cells[units.cell[under]], share[under], key[under], _together(log, best, most)[under])


def _holding(covered: Cover, cells: Ints, frame: Frame) -> tuple[Ints, Ints]:
    """(cell index, polygon) for every cut cell that another polygon holds whole."""
    index = np.full((frame.rows, frame.cols), -1, dtype=np.int64)
    index.ravel()[cells] = np.arange(len(cells))
    single = covered.whole_size == 1
    at = index[covered.whole_row[single], covered.whole_col[single]]
    found, owners = [at[at >= 0]], [covered.whole_of[single][at >= 0]]
    for i in np.flatnonzero(~single):
        row, col, size = covered.whole_row[i], covered.whole_col[i], covered.whole_size[i]
        square = index[row : row + size, col : col + size]
        there = square[square >= 0]
        if len(there):
            found.append(there)
            owners.append(np.full(len(there), covered.whole_of[i]))
    return np.concatenate(found), np.concatenate(owners)


@dataclass(frozen=True, eq=False)
class Coverage:
    """Who covers which cell: `index` gives each search's place among the polygons of `cover`, -1 if it has none."""

    cover: Cover
    index: Ints
    shape: tuple[int, int]  # of the grid

    @cached_property
    def _search(self) -> Ints:
        return np.flatnonzero(self.index >= 0)

    def searches_at(self, cell: tuple[int, int]) -> list[int]:
        """The searches that cover any of a cell."""
        row, col = cell
        c = self.cover
        down, across = row - c.whole_row, col - c.whole_col
        whole = (down >= 0) & (down < c.whole_size) & (across >= 0) & (across < c.whole_size)
        cut = (c.cut_row == row) & (c.cut_col == col)
        of = np.unique(np.concatenate([c.whole_of[whole], c.cut_of[cut]]))
        return [int(i) for i in self._search[of]]

    def cells_of(self, search: int) -> Ints:
        """The cells, shape (n, 2), that a search covers any of."""
        of, c = int(self.index[search]), self.cover
        if of < 0:
            return np.empty((0, 2), dtype=np.int64)
        cut = c.cut_of == of
        parts = [np.column_stack([c.cut_row[cut], c.cut_col[cut]])]
        for i in np.flatnonzero(c.whole_of == of):
            steps = np.indices((c.whole_size[i],) * 2).reshape(2, -1).T
            parts.append(steps + np.array([c.whole_row[i], c.whole_col[i]]))
        cells = np.concatenate(parts).astype(np.int64)
        return np.asarray(cells[(cells < self.shape).all(axis=1)])
