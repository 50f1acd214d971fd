"""The outline of a set of cells as valid simple polygons along cell edges.

Reads   a mask of cells
Gives   polygons: one exterior ring and its holes per part, as corner coordinates
Knows   nothing of coordinates or CRS: corner (row, col) is the north-west corner of cell (row, col)
Start   at `outlines`

A part is a set of cells joined by edges, not by corners alone. Its boundary is walked with the filled cell
on the right, so that parts which touch at a corner stay apart. Where the walk passes one corner twice (the
part bites itself, or two of its holes touch), the ring is cut there into simple rings. A part's interior is
connected, so exactly one of its rings runs clockwise (the exterior); the others are holes, which touch the
exterior or each other in single corners at most.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from fadeout.model.compiled import compiled

Ring = NDArray[np.int64]
Mask = NDArray[np.bool_]


def outlines(cells: ArrayLike) -> list[tuple[Ring, list[Ring]]]:
    """Give the outline of a mask as valid simple polygons along cell edges, exactly.

    Parameters
    ----------
    cells : array of bool, shape (rows, cols)
        The mask.

    Returns
    -------
    list of (exterior, holes)
        One entry per part, in the order of its first cell from the north-west. Each ring is an array of
        int, shape (k, 2), of corners (row, col) from 0 to rows and 0 to cols; the first corner stands again
        at the end. Only corners where the outline turns are given. Seen on a map with north up, exteriors
        run counter-clockwise and holes clockwise (as RFC 7946 asks). Empty where no cell is filled.

    Examples
    --------
    >>> exterior, holes = outlines([[True, True]])[0]
    >>> exterior.tolist(), holes
    ([[0, 0], [1, 0], [1, 2], [0, 2], [0, 0]], [])
    """
    filled = np.ascontiguousarray(cells, dtype=bool)
    if filled.ndim != 2:
        raise ValueError(f"the mask must have shape (rows, cols); got {filled.shape}")
    padded = np.pad(filled, 1)
    corners = _corners(padded)
    if corners == 0:
        return []
    part_of, parts = ndimage.label(filled)
    points = np.empty((corners, 2), dtype=np.int64)
    first = np.empty(corners // 4 + 2, dtype=np.int64)
    part = np.empty(corners // 4 + 1, dtype=np.int64)
    count = _trace(padded, np.asarray(part_of, dtype=np.int32), points, first, part)
    return _gathered(points, first[: count + 1], part[:count], int(parts))


def _gathered(
    points: NDArray[np.int64], first: NDArray[np.int64], part: NDArray[np.int64], parts: int
) -> list[tuple[Ring, list[Ring]]]:
    """Close the rings, turn them the way maps ask, and give each hole to its part."""
    twice_area = _signed(points, first)
    exteriors: list[Ring | None] = [None] * parts
    holes: list[list[Ring]] = [[] for _ in range(parts)]
    for number in range(len(part)):
        walked = points[first[number] : first[number + 1]]
        ring = np.concatenate([walked[:1], walked[::-1]])
        if twice_area[number] > 0:
            exteriors[part[number] - 1] = ring
        else:
            holes[part[number] - 1].append(ring)
    out = []
    for exterior, inner in zip(exteriors, holes, strict=True):
        assert exterior is not None  # the interior of a part is connected: it has one outer boundary
        out.append((exterior, inner))
    return out


def _signed(points: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Twice the signed area of each ring; above 0 where it runs clockwise as seen with north up."""
    start, end = first[:-1], first[1:]
    following = np.arange(1, first[-1] + 1)
    following[end - 1] = start
    here, there = points[: first[-1]], points[following]
    cross = here[:, 1] * there[:, 0] - there[:, 1] * here[:, 0]
    return np.add.reduceat(cross, start)


@compiled
def _corners(padded: Mask) -> int:
    """Count the corners at which the outline turns; two where cells meet corner to corner."""
    rows, cols = padded.shape
    corners = 0
    for r in range(rows - 1):
        for c in range(cols - 1):
            a, b = padded[r, c], padded[r, c + 1]
            d, e = padded[r + 1, c], padded[r + 1, c + 1]
            total = int(a) + int(b) + int(d) + int(e)
            if total == 1 or total == 3:
                corners += 1
            elif total == 2 and a == e:
                corners += 2
    return corners


@compiled
def _trace(padded: Mask, part_of: NDArray[np.int32], points: Ring, first: Ring, part: Ring) -> int:
    """Walk every boundary, cut at corners passed twice; fill `points`, ring starts and the part of each ring.

    `padded` has a rim of one empty cell: corner (r, c) of the grid has the cells padded[r : r + 2, c : c +
    2] around it. Directions are 0 east, 1 south, 2 west, 3 north; the filled cell lies on the right.
    """
    rows, cols = part_of.shape
    walked = np.zeros((rows, cols), dtype=np.bool_)  # north edges of cells, the ones walked eastward
    place = np.full((rows + 1, cols + 1), -1, dtype=np.int64)  # of a corner passed twice: where on the stack
    stack = np.empty((points.shape[0] + 1, 2), dtype=np.int64)
    rings, used = 0, 0
    first[0] = 0
    for top in range(rows):
        for left in range(cols):
            if not padded[top + 1, left + 1] or padded[top, left + 1] or walked[top, left]:
                continue
            r, c, way, height = top, left, 0, 0
            while True:
                if _crossed(padded, r, c):
                    p = place[r, c]
                    if p >= 0:
                        for q in range(p, height):
                            points[used, 0], points[used, 1] = stack[q, 0], stack[q, 1]
                            place[stack[q, 0], stack[q, 1]] = -1
                            used += 1
                        part[rings] = part_of[top, left]
                        rings += 1
                        first[rings] = used
                        height = p
                    place[r, c] = height
                if height == 0 or way != _came(stack, height, r, c):
                    stack[height, 0], stack[height, 1] = r, c
                    height += 1
                if way == 0:
                    walked[r, c] = True
                    c += 1
                elif way == 1:
                    r += 1
                elif way == 2:
                    c -= 1
                else:
                    r -= 1
                way = _turned(padded, r, c, way)
                if r == top and c == left and way == 0:
                    break
            for q in range(height):
                points[used, 0], points[used, 1] = stack[q, 0], stack[q, 1]
                place[stack[q, 0], stack[q, 1]] = -1
                used += 1
            part[rings] = part_of[top, left]
            rings += 1
            first[rings] = used
    return rings


@compiled
def _crossed(padded: Mask, r: int, c: int) -> bool:
    """Whether just two cells, corner to corner, meet here."""
    a, b = padded[r, c], padded[r, c + 1]
    return bool(a == padded[r + 1, c + 1] and b == padded[r + 1, c] and a != b)


@compiled
def _came(stack: Ring, height: int, r: int, c: int) -> int:
    """Direction from the last corner kept to here."""
    dr, dc = r - stack[height - 1, 0], c - stack[height - 1, 1]
    if dc > 0:
        return 0
    if dr > 0:
        return 1
    if dc < 0:
        return 2
    return 3


@compiled
def _turned(padded: Mask, r: int, c: int, way: int) -> int:
    """Direction after corner (r, c), reached in direction `way`: right, else straight on, else left."""
    if way == 0:
        right, left = padded[r + 1, c + 1], padded[r, c + 1]
    elif way == 1:
        right, left = padded[r + 1, c], padded[r + 1, c + 1]
    elif way == 2:
        right, left = padded[r, c], padded[r + 1, c]
    else:
        right, left = padded[r, c + 1], padded[r, c]
    if not right:
        return (way + 1) % 4
    if left:
        return (way + 3) % 4
    return way
