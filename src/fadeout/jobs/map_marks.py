"""How each thing looks on a map and in its legend: ground, evidence, strikes, classes, areas, boxes.

Reads   a `Sheet` to draw on and the `Scene` to draw
Gives   `draw_*` functions, and legend entries in the same styles
Knows   nothing of which map shows what; `jobs/maps.py` decides
Start   at the styles, then `draw_effort` and `draw_hazard`

Colours and class breaks are those of every fadeout map. Each class differs by lightness, pattern, shape or
number too, so that a black-and-white copy keeps its meaning.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.jobs import phrasing
from fadeout.jobs.map_scene import Part, Scene, path_of, pooled
from fadeout.jobs.sheet import HATCH_WIDTH, Entry, Sheet, free_spot, shorten, text_width_mm

SLATE, GREY, SHA_FILL, SHA_LINE = "#3f5a86", "#b8b8b8", "#F4A718", "#7a4d00"
RAMP = ("#f7f5fa", "#d9d0e8", "#b5a5d3", "#8d74b8", "#654497", "#38106b")
P_BREAKS = (0.0, 0.01, 0.05, 0.2, 0.5, 0.8)  # look.md; a seventh, 1, closes the last class
DENSITY_BREAKS = (0.0, 0.01, 0.05, 0.2, 0.8, 3.0)  # items per hectare
UNSEARCHED: dict[str, Any] = {
    "facecolor": "#f4f4f4",
    "edgecolor": "none",
    "hatch": "xxxxx",
    "hatchcolor": GREY,
}
SHA: dict[str, Any] = {
    "facecolor": SHA_FILL + "80",
    "edgecolor": SHA_LINE,
    "hatch": "///",
    "hatchcolor": SHA_LINE,
}
AREA_LINE: dict[str, Any] = {"facecolor": "none", "edgecolor": "#1a1a1a", "linewidth": 1.0}
WHITE_EDGE = {"markeredgecolor": "white", "markeredgewidth": 0.5}
EVIDENCE: dict[str, tuple[str, dict[str, Any]]] = {  # kind -> legend words, marker
    "item": ("item found", {"marker": "D", "markersize": 3.4, "color": "black", **WHITE_EDGE}),
    "fragment": (
        "fragment",
        {"marker": "D", "markersize": 3.6, "color": "white", "markeredgecolor": "black"},
    ),
    "accident": ("accident", {"marker": "^", "markersize": 5.0, "color": "black", **WHITE_EDGE}),
    "report": (
        "report, no item seen",
        {
            "color": "black",
            "marker": "o",
            "markersize": 4.2,
            "markerfacecolor": "none",
            "markeredgecolor": "black",
        },
    ),
}
PLUS = {"color": "black", "marker": "+", "markersize": 6, "markeredgecolor": "black", "markeredgewidth": 1.1}
ERROR_RING = {
    "color": "#333333",
    "markerfacecolor": "none",
    "markeredgecolor": "#333333",
    "markeredgewidth": 0.6,
}
WIDE_MM = 16.0  # a part at least this wide on paper carries its label inside
LABEL, MOST_LABELS = 5.6, 9  # type size of the labels of areas, and how many of the largest get one
Spot = tuple[float, float, float, float]  # a rectangle in page millimetres
Place = tuple[float, float]


# ---- drawing on a sheet --------------------------------------------------------------------


def add(sheet: Sheet, shape: BaseGeometry, *, zorder: float = 1.0, **style: Any) -> None:
    """Draw polygons as one patch; holes stay holes."""
    from matplotlib.patches import PathPatch

    path = path_of(shape)
    if path is not None:
        patch = PathPatch(path, zorder=zorder, **{"linewidth": 0.5, **style})
        patch.set_hatch_linewidth(HATCH_WIDTH)
        sheet.ground.add_patch(patch)


def draw_effort(sheet: Sheet, scene: Scene) -> None:
    """Never-searched ground first, searched ground over it, stopped and barred boxes by their outlines."""
    add(sheet, scene.survey.area, zorder=1, **UNSEARCHED)
    for _, fill, hatch, shape in scene.effort_ground:
        add(sheet, shape, zorder=1.4, **searched(fill, hatch))
    add(sheet, shapely.union_all([s.ground for s in scene.stopped]), zorder=1.5, **STOPPED)
    add(sheet, shapely.union_all([s.ground for s in scene.barred]), zorder=1.5, **BARRED)
    if scene.survey.excluded is not None:
        add(sheet, scene.survey.excluded, zorder=1.6, **EXCLUDED)


STOPPED: dict[str, Any] = {
    "facecolor": "#ffffffd0",
    "edgecolor": SLATE,
    "linestyle": (0, (2, 1)),
    "linewidth": 0.7,
}
BARRED: dict[str, Any] = {
    "facecolor": "none",
    "edgecolor": "#1a1a1a",
    "linestyle": (0, (1, 1.2)),
    "linewidth": 0.7,
}
EXCLUDED: dict[str, Any] = {
    "facecolor": "white",
    "edgecolor": "#666666",
    "hatch": "|||",
    "hatchcolor": "#999999",
}


def draw_evidence(
    sheet: Sheet, scene: Scene, kinds: Iterable[str] = tuple(EVIDENCE), size: float = 1.0
) -> None:
    """Evidence points by shape; points closer than can be seen are drawn once."""
    for kind in kinds:
        points = np.array([(e.place.x, e.place.y) for e in scene.survey.evidence if e.kind == kind]).reshape(
            -1, 2
        )
        if not len(points):
            continue
        grain = (sheet.extent[2] - sheet.extent[0]) / sheet.map_w * 0.25
        _, first = np.unique(np.round(points / grain), axis=0, return_index=True)
        style = dict(EVIDENCE[kind][1])
        style["markersize"] = style["markersize"] * size
        sheet.ground.plot(*points[np.sort(first)].T, linestyle="none", zorder=5, **style)


def draw_strikes(sheet: Sheet, scene: Scene) -> None:
    """Strike records as plus signs with their error circles (one standard deviation)."""
    from matplotlib.patches import Circle

    for strike in scene.survey.strikes:
        place = (strike.place.x, strike.place.y)
        circle = Circle(place, strike.position_error_m, facecolor="none", edgecolor="#333333", linewidth=0.6)
        circle.set_linestyle((0, (4, 2)))
        circle.set_zorder(2.5)
        sheet.ground.add_patch(circle)
        sheet.ground.plot(*place, linestyle="none", zorder=4.5, **PLUS)


def draw_outline_of_search(sheet: Sheet, scene: Scene) -> None:
    """Draw the outline of searched ground, over filled classes."""
    add(sheet, scene.searched_ground, zorder=3, facecolor="none", edgecolor=SLATE, linewidth=0.45)


def draw_classes(
    sheet: Sheet,
    scene: Scene,
    values: np.ndarray,
    breaks: tuple[float, ...],
    pool: Any,
    labelled: tuple[float, ...],
) -> None:
    """Fill fixed classes of a raster inside the assessed ground, with labelled contours over them."""
    from matplotlib.colors import to_rgba_array

    shown = np.where(scene.gridded.assessed & ~scene.gridded.excluded, values, np.nan)
    shown = pooled(shown, pool)
    classes = np.digitize(np.nan_to_num(shown), breaks[1:])
    picture = (to_rgba_array(RAMP)[classes] * 255).astype(np.uint8)
    picture[np.isnan(shown)] = 0
    sheet.ground.imshow(
        picture, extent=scene.raster_extent, origin="upper", interpolation="none", aspect="auto", zorder=1
    )
    sheet.ground.set_xlim(sheet.extent[0], sheet.extent[2])
    sheet.ground.set_ylim(sheet.extent[1], sheet.extent[3])
    draw_contours(sheet, scene, shown, labelled)


def draw_contours(sheet: Sheet, scene: Scene, shown: np.ndarray, levels: tuple[float, ...]) -> None:
    """Contours of the raster, smoothed over about one survey box, with their values written on them."""
    from scipy.ndimage import gaussian_filter

    rows, cols = shown.shape
    known = np.isfinite(shown).astype(float)
    spread = max(1.0, 60.0 / (scene.cell_m * scene.gridded.grid.rows / rows))
    smooth = gaussian_filter(np.nan_to_num(shown), spread) / np.maximum(gaussian_filter(known, spread), 1e-3)
    smooth[known == 0] = np.nan
    present = [level for level in levels if np.nanmin(smooth) < level < np.nanmax(smooth)]
    if not present:
        return
    west, east, south, north = scene.raster_extent
    xs = west + (np.arange(cols) + 0.5) * (east - west) / cols
    ys = north - (np.arange(rows) + 0.5) * (north - south) / rows
    lines = sheet.ground.contour(xs, ys, smooth, levels=present, colors="#1a1a1a", linewidths=0.45, zorder=2)
    for text in sheet.ground.clabel(lines, fontsize=5.2, fmt=lambda level: f"{level:g}", inline_spacing=1.5):
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.85})
        text.set_zorder(4.2)


def draw_hazard(sheet: Sheet, scene: Scene, *, evidence: bool = False) -> None:
    """The hazardous area with its labels, and the next boxes with their ranks."""
    for part in scene.parts:
        add(sheet, part.shape, zorder=2, **{**SHA, "linewidth": 0.7})
    taken: list[Spot] = []
    if evidence:
        draw_strikes(sheet, scene)
        draw_evidence(sheet, scene)
        points = [sheet.on_page(e.place.x, e.place.y) for e in scene.survey.evidence]
        taken = [(x - 0.5, y - 0.5, x + 0.5, y + 0.5) for x, y in points]
    draw_ranks(sheet, scene, taken)
    labelled = sorted(scene.parts, key=lambda part: -part.hectares)[:MOST_LABELS]
    around = [page_bounds(sheet, part.shape) for part in labelled]
    taken += [spot for spot in around if min(spot[2] - spot[0], spot[3] - spot[1]) < WIDE_MM]
    for part in labelled:
        label_part(sheet, part, taken)


def draw_ranks(sheet: Sheet, scene: Scene, taken: list[Spot]) -> None:
    """Outline each next box where it lies, and write its rank on it or beside it."""
    bounds = frame_of(sheet)
    gridded = scene.gridded
    for box in scene.assessment.boxes:
        x = gridded.west + box.col * scene.cell_m
        y = gridded.north - box.row * scene.cell_m
        side = box.side_cells * scene.cell_m
        ground = shapely.box(x, y - side, x + side, y)
        add(sheet, ground, facecolor="none", edgecolor="black", linewidth=1.1, zorder=6)
        anchor = sheet.on_page(x + side / 2, y - side / 2)
        x0, y0, x1, y1 = page_bounds(sheet, ground)
        if x1 - x0 > 3.4:  # the box itself holds its rank
            sheet.write(*anchor, str(box.rank), LABEL, "bold", "black", ha="center", va="center", zorder=7)
            taken.append((x0, y0, x1, y1))
            continue
        spot = free_spot(anchor, (3.1, 2.9), taken, bounds)
        lead(sheet, anchor, spot, "black")
        sheet.rank_mark(*spot, str(box.rank))
        taken.append((spot[0] - 1.6, spot[1] - 1.5, spot[0] + 1.6, spot[1] + 1.5))


def label_part(sheet: Sheet, part: Part, taken: list[Spot]) -> None:
    """Write the letter S, the id and the hectares of one part beside it, where nothing is covered."""
    text = f"S  {shorten(part.id, 18)}  {phrasing.hectares(part.shape.area)}"
    place = part.shape.representative_point()
    anchor = sheet.on_page(place.x, place.y)
    size = (text_width_mm(text, LABEL, bold=True) + 0.8, 2.6)
    spot = free_spot(anchor, size, taken, frame_of(sheet))
    x0, y0, x1, y1 = (spot[0] - size[0] / 2, spot[1] - 1.3, spot[0] + size[0] / 2, spot[1] + 1.3)
    if np.hypot(spot[0] - anchor[0], spot[1] - anchor[1]) > 8:
        lead(sheet, anchor, (min(max(anchor[0], x0), x1), min(max(anchor[1], y0), y1)), SHA_LINE)
    paper = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.6}
    sheet.write(*spot, text, LABEL, "bold", "black", ha="center", va="center", zorder=8, bbox=paper)
    taken.append((x0, y0, x1, y1))


def lead(sheet: Sheet, start: Place, end: Place, colour: str) -> None:
    """A thin line from a place to its label."""
    if start != end:
        sheet.page.plot([start[0], end[0]], [start[1], end[1]], color=colour, linewidth=0.5, zorder=5.5)


def page_bounds(sheet: Sheet, shape: BaseGeometry) -> Spot:
    """The bounding rectangle of a shape in page millimetres."""
    west, south, east, north = shape.bounds
    return (*sheet.on_page(west, north), *sheet.on_page(east, south))


def frame_of(sheet: Sheet) -> tuple[float, float, float, float]:
    """The map's frame in page millimetres, a little inside its line."""
    x0, y0 = sheet.on_page(sheet.extent[0], sheet.extent[3])
    return x0 + 0.3, y0 + 0.3, x0 + sheet.map_w - 0.3, y0 + sheet.map_h - 0.3


# ---- legends --------------------------------------------------------------------------------


def hatched(style: dict[str, Any]) -> dict[str, Any]:
    """A style with the width its hatching is drawn with."""
    return {"linewidth": 0.5, **style}


def searched(fill: str = "#dbe4f1", hatch: str = "") -> dict[str, Any]:
    """The style of searched ground: slate outline, light fill, dots that stand closer for a better search."""
    style: dict[str, Any] = {"facecolor": fill, "edgecolor": SLATE, "linewidth": 0.4}
    return {**style, "hatch": hatch, "hatchcolor": SLATE} if hatch else style


def unsearched_legend() -> list[Entry]:
    """The entry for ground that nobody searched: always shown."""
    return [Entry("not searched", "fill", hatched(UNSEARCHED))]


def searched_legend(scene: Scene, hatch: str) -> list[Entry]:
    """The entry for searched ground; none where nothing was searched."""
    if scene.searched_ground.is_empty:
        return []
    return [Entry("searched (dots)" if hatch else "searched", "fill", searched(hatch=hatch))]


def effort_legend(scene: Scene) -> list[Entry]:
    """One entry for each class of search, then ground stopped at a find, barred and excluded."""
    entries = [
        Entry(f"searched, finds {words} of items", "fill", searched(fill, hatch))
        for words, fill, hatch, _ in scene.effort_ground
    ]
    if scene.stopped:
        entries.append(Entry("stopped at a find: the rest was not searched", "fill", STOPPED))
    if scene.barred:
        entries.append(
            Entry("could not be searched", "fill", {**UNSEARCHED, **BARRED, "facecolor": "#f4f4f4"})
        )
    if scene.survey.excluded is not None:
        entries.append(Entry("excluded: cannot hold items", "fill", EXCLUDED))
    return entries


def point_legend(scene: Scene) -> list[Entry]:
    """One entry for each kind of evidence that is present, then strike records."""
    present = {e.kind for e in scene.survey.evidence}
    entries = [Entry(words, "mark", style) for kind, (words, style) in EVIDENCE.items() if kind in present]
    if scene.survey.strikes:
        style = {"ring": ERROR_RING, "mark": PLUS}
        entries.append(Entry("strike record, with its position error (1 s.d.)", "plus", style))
    return entries


def outline_legend(scene: Scene) -> list[Entry]:
    """The entry for the outline of searched ground, or the words that nothing was searched."""
    if scene.searched_ground.is_empty:
        return [Entry("(nothing was searched)", "line", {"color": "none"})]
    return [Entry("outline of searched ground", "line", {"color": SLATE, "linewidth": 0.8})]


def hazard_legend(scene: Scene) -> list[Entry]:
    """The entries for the hazardous area and the next boxes, where there are any."""
    entries = []
    if scene.parts:
        entries.append(Entry("S: suspected hazardous area", "fill", hatched(SHA)))
    if scene.assessment.boxes:
        entries.append(Entry("next boxes to search, by rank", "rank"))
    return entries
