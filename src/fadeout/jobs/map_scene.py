"""What all maps of one report share: extent, words, ground in CRS metres, classes of effort.

Reads   an `Assessment`
Gives   `Scene`, `Part` (one polygon of the hazardous area), and shapes made from masks of cells
Knows   nothing of drawing
Start   at `Scene`
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.jobs import phrasing
from fadeout.jobs.assessment import Assessment
from fadeout.jobs.sheet import Words, shorten

EFFORT_CLASSES = (  # least detection, words, fill, hatch
    (0.0, "below 50 %", "#eef2f8", ".."),
    (0.5, "50 to 80 %", "#dbe4f1", "..."),
    (0.8, "80 % and more", "#c3d1e6", "....."),
)
MOST_CELLS = 480  # a raster finer than this is pooled for the picture; the files keep every cell


@dataclass(frozen=True)
class Part:
    """One polygon of the hazardous area, with the id it carries in every product."""

    id: str
    shape: BaseGeometry

    @property
    def hectares(self) -> float:
        return float(self.shape.area) / 1e4


class Scene:
    """What all maps share: extent, words, shapes in CRS metres, and pooled rasters."""

    def __init__(self, assessment: Assessment, parts: tuple[Part, ...], stamps: tuple[str, ...]):
        survey, gridded = assessment.survey, assessment.gridded
        self.assessment, self.parts, self.stamps = assessment, parts, stamps
        self.survey, self.gridded, self.cell_m = survey, gridded, gridded.grid.cell_m
        self.extent = extent_of(survey.area)
        self.date = phrasing.day(assessment.info.information_date)
        self.sources = shorten(", ".join(source.file for source in survey.sources) or "none named", 110)
        self.complete = [s for s in survey.searched if s.outcome in ("complete", "partial")]
        self.stopped = [s for s in survey.searched if s.outcome == "stopped_at_find"]
        self.barred = [s for s in survey.searched if s.outcome == "not_searchable"]
        ground = shapely.union_all([s.ground for s in (*self.complete, *self.stopped)])
        self.searched_ground = shapely.simplify(ground, 0.01)
        self.effort_ground = self._effort_classes()
        self.raster_extent = (
            gridded.west,
            gridded.west + gridded.grid.cols * self.cell_m,
            gridded.north - gridded.grid.rows * self.cell_m,
            gridded.north,
        )

    def _effort_classes(self) -> list[tuple[str, str, str, BaseGeometry]]:
        """Ground of each class of detection after all searches together: words, fill, hatch and shape."""
        ground = shapely.union_all([s.ground for s in self.complete])
        share = np.maximum(self.gridded.searched_share, 1e-12)
        detection = np.where(self.gridded.effort > 0, np.minimum(self.gridded.effort / share, 1.0), -1.0)
        tops = [least for least, *_ in EFFORT_CLASSES[1:]] + [2.0]
        classes = []
        for (least, words, fill, hatch), top in zip(EFFORT_CLASSES, tops, strict=True):
            cells = (detection >= least - 1e-9) & (detection < top - 1e-9)
            if not cells.any():
                continue
            shape = shapely.simplify(shapely.intersection(self.trace(cells), ground), 0.01)
            classes.append((words, fill, hatch, shape))
        return classes

    def trace(self, cells: np.ndarray) -> BaseGeometry:
        """The outline of a mask of cells, in CRS metres."""
        return trace(cells, self.gridded.west, self.gridded.north, self.cell_m)

    def words(self, title: str, cannot_say: str) -> Words:
        return Words(title, cannot_say, crs_name(self.survey.crs), self.date, self.sources, self.stamps)


def extent_of(area: BaseGeometry) -> tuple[float, float, float, float]:
    """The area's bounds with a margin, never narrower or flatter than 5 to 4."""
    west, south, east, north = area.bounds
    side = max(east - west, north - south) * 1.04
    w, h = max((east - west) * 1.04, side * 0.8), max((north - south) * 1.04, side * 0.8)
    x, y = (west + east) / 2, (south + north) / 2
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


def trace(cells: np.ndarray, west: float, north: float, cell_m: float) -> BaseGeometry:
    """The ground of a mask of cells, along cell edges, in CRS metres.

    Examples
    --------
    >>> trace(np.array([[True, True], [False, False]]), 0.0, 100.0, 50.0).bounds
    (0.0, 50.0, 100.0, 100.0)
    """
    padded = np.pad(cells.astype(np.int8), ((0, 0), (1, 1)))
    change = np.diff(padded, axis=1)
    rows, starts = np.nonzero(change == 1)
    _, ends = np.nonzero(change == -1)
    top = north - rows * cell_m
    runs = shapely.box(west + starts * cell_m, top - cell_m, west + ends * cell_m, top)
    return shapely.simplify(shapely.union_all(runs), 0.0)


def path_of(shape: BaseGeometry) -> Any:
    """A matplotlib path of polygons with their holes; None where there is nothing."""
    from matplotlib.path import Path

    rings = [
        ring
        for polygon in shapely.get_parts(shapely.normalize(shape))
        if polygon.geom_type == "Polygon" and not polygon.is_empty
        for ring in (polygon.exterior, *polygon.interiors)
    ]
    if not rings:
        return None
    return Path.make_compound_path(*[Path(shapely.get_coordinates(ring), closed=True) for ring in rings])


def pooled(values: np.ndarray, pool: Any) -> np.ndarray:
    """Pool blocks of cells until neither side is longer than `MOST_CELLS`; cells outside stay NaN."""
    step = -(-max(values.shape) // MOST_CELLS)
    if step == 1:
        return values
    rows, cols = (-(-side // step) * step for side in values.shape)
    padded = np.full((rows, cols), np.nan)
    padded[: values.shape[0], : values.shape[1]] = values
    blocks = padded.reshape(rows // step, step, cols // step, step)
    known = np.isfinite(blocks).any(axis=(1, 3))
    filled = pool(np.nan_to_num(blocks), axis=(1, 3))
    return np.where(known, filled, np.nan)


def crs_name(crs: str) -> str:
    """The CRS with its name in words where the registry knows it."""
    from pyproj import CRS

    name = CRS.from_user_input(crs).name
    return f"{crs} ({name})" if name and name != crs else crs
