"""Finished areas side by side on one grid, so that one fit learns from all of them what they share.

Reads   `FinishedArea`s: each a grid with its search and finds
Gives   `Pooled`: one posterior over all of them, and where each area lies in it
Knows   nothing of records of strikes, nor of how strikes per km² differ between areas (`district` does)
Start   at `pool`

Between two areas lie two footprints' reaches of ground that cannot hold items, so that no strike leaves items in both
and exposures are those of each area alone. Ground without search has exposure 0 and no part in the sums over ground.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fadeout.model.effort import Coverage, Method, Searches, StoppedBox, check_effort
from fadeout.model.fit import fit
from fadeout.model.footprints import Footprint, reach_cells
from fadeout.model.grid import Grid
from fadeout.model.posterior import Posterior
from fadeout.model.prior import Prior, RecordedStrike

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Progress = Callable[[float, str], None]

AS_STATED = (
    "as stated"  # the method of search that is known, where areas with learned methods stand beside it
)


@dataclass(frozen=True, eq=False)
class FinishedArea:
    """One finished area as the model sees it; places of `recorded` and `finds` are in its own rows and columns."""

    grid: Grid
    effort: Array | Searches
    finds: Ints  # (n, 2)
    recorded: Sequence[RecordedStrike] = ()
    stopped: Sequence[StoppedBox] = ()
    reporting: Array | None = None
    excluded: Mask | None = None


@dataclass(frozen=True, eq=False)
class SideBySide:
    """Areas on one grid: what `fit` is given, and the column where each area begins."""

    grid: Grid
    first_col: tuple[int, ...]
    effort: Array | Searches
    finds: Ints
    stopped: tuple[StoppedBox, ...]
    reporting: Array | None
    excluded: Mask


@dataclass(frozen=True, eq=False)
class Pooled:
    """One posterior of all areas; area n has the columns from `first_col[n]`, and the first rows."""

    areas: tuple[FinishedArea, ...]
    first_col: tuple[int, ...]
    posterior: Posterior


def pool(
    areas: Sequence[FinishedArea],
    prior: Prior,
    *,
    seed: int = 1,
    sweeps: int | None = None,
    progress: Progress | None = None,
    threads: int | None = None,
) -> Pooled:
    """Fit all areas at once under one prior, whose `learned` says what they teach.

    Strikes are sampled without records: `district.learn` sums over which strike each record may describe, so that
    neither a wrong position error nor a wrong credibility keeps a strike from being where its finds say.

    Parameters
    ----------
    areas : sequence of FinishedArea
        With cells of one size.
    prior : Prior
        Shared by all areas; recorded strikes of it are not looked at.
    seed, sweeps, progress, threads
        As for `fit`.

    Raises
    ------
    ValueError
        If there is no area, cell sides differ, or two areas name one method with different numbers.

    Examples
    --------
    >>> from fadeout.model import Footprint
    >>> prior = Prior(1.0, 30.0, 1.0, 0.2, [Footprint(80, 40)])
    >>> empty = FinishedArea(Grid(8, 8, 25.0), np.full((8, 8), 0.9), np.empty((0, 2), int))
    >>> pool([empty, empty], prior).first_col
    (0, 28)
    """
    laid = side_by_side(areas, prior.footprints)
    posterior = fit(
        laid.grid,
        laid.effort,
        laid.finds,
        replace(prior, recorded=()),
        stopped=laid.stopped,
        reporting=laid.reporting,
        excluded=laid.excluded,
        seed=seed,
        sweeps=sweeps,
        progress=progress,
        threads=threads,
    )
    return Pooled(tuple(areas), laid.first_col, posterior)


def size(
    shapes: Sequence[tuple[int, int]], footprints: Sequence[Footprint], cell_m: float
) -> tuple[int, int]:
    """Give rows and columns of the grid that areas of these shapes take side by side.

    Examples
    --------
    >>> size([(8, 8), (20, 8)], [Footprint(80, 40)], 25.0)
    (20, 36)
    """
    gap = 2 * reach_cells(footprints, cell_m)
    return max(rows for rows, _ in shapes), sum(cols for _, cols in shapes) + gap * (len(shapes) - 1)


def side_by_side(areas: Sequence[FinishedArea], footprints: Sequence[Footprint]) -> SideBySide:
    """Lay areas on one grid, from west to east, two reaches apart."""
    if not areas:
        raise ValueError("there is no area to learn from")
    cell_m = areas[0].grid.cell_m
    if any(abs(area.grid.cell_m - cell_m) > 1e-9 for area in areas):
        sides = sorted({area.grid.cell_m for area in areas})
        raise ValueError(
            f"areas must have cells of one size; got {', '.join(f'{side:g} m' for side in sides)}"
        )
    gap = 2 * reach_cells(footprints, cell_m)
    shape = size([area.grid.shape for area in areas], footprints, cell_m)
    ends = np.cumsum([area.grid.cols + gap for area in areas])
    first_col = tuple(int(end) - area.grid.cols - gap for end, area in zip(ends, areas, strict=True))
    excluded = np.ones(shape, dtype=bool)
    for area, col in zip(areas, first_col, strict=True):
        own = np.zeros(area.grid.shape, dtype=bool) if area.excluded is None else area.excluded
        excluded[: area.grid.rows, col : col + area.grid.cols] = own
    methods = _methods(areas)
    of = [_method_of(area, methods) for area in areas]
    finds = [
        area.finds.reshape(-1, 2) + np.array([0, col]) for area, col in zip(areas, first_col, strict=True)
    ]
    reporting = None
    if not methods and any(area.reporting is not None for area in areas):
        reporting = _laid([area.reporting for area in areas], first_col, shape)
    return SideBySide(
        grid=Grid(*shape, cell_m),
        first_col=first_col,
        effort=_searches(areas, first_col, shape, methods, of)
        if methods
        else _rasters(areas, first_col, shape),
        finds=np.concatenate(finds),
        stopped=_stopped(areas, first_col, shape, of),
        reporting=reporting,
        excluded=excluded,
    )


# ---- search


def _methods(areas: Sequence[FinishedArea]) -> tuple[Method, ...]:
    """All methods of all areas, each once; none where no area's detection is learned."""
    by_name: dict[str, Method] = {}
    for area in areas:
        for method in area.effort.methods if isinstance(area.effort, Searches) else ():
            if by_name.setdefault(method.name, method) != method:
                raise ValueError(f"two areas name the method {method.name} with different numbers")
    if by_name and not all(isinstance(area.effort, Searches) for area in areas):
        by_name.setdefault(AS_STATED, Method(AS_STATED, 1.0))
    return tuple(by_name.values())


def _method_of(area: FinishedArea, methods: Sequence[Method]) -> Ints:
    """Where each method of an area stands among all."""
    names = [method.name for method in methods]
    own = area.effort.methods if isinstance(area.effort, Searches) else ()
    return np.array([names.index(method.name) for method in own], dtype=np.int64)


def _searches(
    areas: Sequence[FinishedArea],
    first_col: Sequence[int],
    shape: tuple[int, int],
    methods: tuple[Method, ...],
    of: Sequence[Ints],
) -> Searches:
    """The search of all areas by method; what an area knows as rasters is search as stated."""
    ways: dict[tuple[int, ...], Array] = {}
    found_by, missed_by = [], []
    for area, col, mine in zip(areas, first_col, of, strict=True):
        missed = np.zeros((len(area.finds), len(methods)))
        if isinstance(area.effort, Searches):
            for covered in area.effort.covered:
                _add(ways, _passes(covered, mine, len(methods)), covered.share, col, shape)
            who = np.asarray(area.effort.found_by, dtype=np.int64)
            found_by.append(np.append(mine, -1)[who])
            missed[:, mine] = area.effort.missed_by
        else:
            known = check_effort(area.grid, area.effort, reporting=area.reporting, excluded=area.excluded)
            stated = tuple(int(method.name == AS_STATED) for method in methods)
            _add(ways, stated, known.detected, col, shape)
            found_by.append(np.full(len(area.finds), -1, dtype=np.int64))
        missed_by.append(missed)
    reports = {int(mine[number]) for number, mine in _with_reports(areas, of)}
    most = min((area.effort.most for area in areas if isinstance(area.effort, Searches)), default=1.0)
    return Searches(
        methods=methods,
        covered=tuple(Coverage(share, passes) for passes, share in ways.items()),
        found_by=np.concatenate(found_by),
        missed_by=np.concatenate(missed_by),
        reports=min(reports, default=None),
        most=most,
    )


def _with_reports(areas: Sequence[FinishedArea], of: Sequence[Ints]) -> list[tuple[int, Ints]]:
    return [
        (area.effort.reports, mine)
        for area, mine in zip(areas, of, strict=True)
        if isinstance(area.effort, Searches) and area.effort.reports is not None
    ]


def _passes(covered: Coverage, mine: Ints, count: int) -> tuple[int, ...]:
    passes = [0] * count
    for method, times in zip(mine, covered.passes, strict=True):
        passes[int(method)] = times
    return tuple(passes)


def _add(
    ways: dict[tuple[int, ...], Array],
    passes: tuple[int, ...],
    share: Array,
    col: int,
    shape: tuple[int, int],
) -> None:
    rows, cols = share.shape
    whole = ways.setdefault(passes, np.zeros(shape))
    whole[:rows, col : col + cols] += share


def _rasters(areas: Sequence[FinishedArea], first_col: Sequence[int], shape: tuple[int, int]) -> Array:
    return _laid([np.asarray(area.effort) for area in areas], first_col, shape)


def _laid(rasters: Sequence[Array | None], first_col: Sequence[int], shape: tuple[int, int]) -> Array:
    out = np.zeros(shape)
    for raster, col in zip(rasters, first_col, strict=True):
        if raster is not None:
            rows, cols = raster.shape
            out[:rows, col : col + cols] = raster
    return out


def _stopped(
    areas: Sequence[FinishedArea], first_col: Sequence[int], shape: tuple[int, int], of: Sequence[Ints]
) -> tuple[StoppedBox, ...]:
    """Stopped boxes with their masks, finds and methods as all areas together have them."""
    boxes, before = [], 0
    for area, col, mine in zip(areas, first_col, of, strict=True):
        for box in area.stopped:
            mask = np.zeros(shape, dtype=bool)
            mask[: area.grid.rows, col : col + area.grid.cols] = box.mask
            method = None if box.method is None else int(mine[box.method])
            boxes.append(StoppedBox(mask, box.detection, before + box.find, method))
        before += len(area.finds)
    return tuple(boxes)
