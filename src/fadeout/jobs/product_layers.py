"""The layers of hazard.gpkg: what stands in each, and how it looks.

Reads   an `Assessment` and its summary
Gives   `layers`, in the order in which a map lists them
Knows   the colours, marks and class breaks of every fadeout map; nothing of how a file is written
Start   at `layers`; docs/reference/outputs.md lists layers and columns
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from fadeout.exchange.geopackage import Layer
from fadeout.exchange.qgis import Fill, Hatch, Label, Marker, Rule, Style, Test
from fadeout.jobs import ground, phrasing

if TYPE_CHECKING:
    from fadeout.jobs.assessment import Assessment

MOST_CELLS = 100_000  # cells written one by one; more are merged by class (docs/reference/outputs.md)
P_BREAKS = (0.0, 0.01, 0.05, 0.2, 0.5, 0.8)
RAMP = ("#f7f5fa", "#d9d0e8", "#b5a5d3", "#8d74b8", "#654497", "#38106b")  # light = little; prints as greys
BLACK, WHITE, SLATE, GREY = "#000000", "#ffffff", "#3f5a86", "#8a8a8a"
SHA, SHA_LINE, CHA, CHA_LINE = "#F4A718", "#B87400", "#FF0000", "#B00000"
Shapes = NDArray[np.object_]
Kind = type | str

# ---- how each layer looks ---------------------------------------------------------------------

HAZARD = Style(
    (
        Rule(
            "Suspected hazardous area (S)",
            (Fill(SHA, 0.5), Hatch(SHA_LINE, (45.0,), 4.0), Fill(None, outline=SHA_LINE, outline_mm=0.6)),
            (Test("status", "=", "SHA"),),
        ),
        Rule(
            "Confirmed hazardous area (C)",
            (Fill(CHA, 0.5), Hatch(CHA_LINE, (45.0,), 2.0), Fill(None, outline=CHA_LINE, outline_mm=0.6)),
            (Test("status", "=", "CHA"),),
        ),
    ),
    Label("label"),
)
NEXT_BOXES = Style(
    (Rule("Next boxes, by rank", (Fill(None, outline=BLACK, outline_mm=0.5),)),), Label("rank")
)
STRIKES = Style(
    (
        Rule(
            "Strike with finds, with its position error",
            (
                Marker("circle", outline=BLACK, outline_mm=0.2, radius_column="error_m"),
                Marker("cross", 4.5, outline=BLACK, outline_mm=0.9),
            ),
            (Test("kind", "=", "with finds"),),
        ),
        Rule(
            "Strike record, with its position error",
            (
                Marker("circle", outline=GREY, outline_mm=0.2, radius_column="error_m"),
                Marker("cross", 3.5, outline=BLACK, outline_mm=0.4),
            ),
            (Test("kind", "=", "record"),),
        ),
    )
)
NOT_SEARCHED = Hatch(GREY, (45.0, 135.0), 1.6, 0.12)


def _cells_style() -> Style:
    """Six classes of p_any, light to dark, and a cross-hatch over what nobody searched."""
    rules = []
    for low, high, colour in zip(P_BREAKS, (*P_BREAKS[1:], None), RAMP, strict=True):
        where = [Test("p_any", ">=", low)] + ([Test("p_any", "<", high)] if high else [])
        words = f"{low:g} to {high:g}" if high else f"{low:g} to 1"
        rules.append(Rule(f"Chance that any item is left: {words}", (Fill(colour),), tuple(where)))
    never = Rule("NOT SEARCHED", (NOT_SEARCHED,), (Test("searched", "<", 1e-9),))
    return Style((*rules, never))


def _evidence_style() -> Style:
    marks = {
        "item": ("Item found", Marker("diamond", 3.2, BLACK, WHITE, 0.2)),
        "fragment": ("Fragment", Marker("diamond", 3.2, WHITE, BLACK)),
        "accident": ("Accident", Marker("triangle", 3.6, BLACK, WHITE, 0.2)),
        "report": ("Report, no item seen", Marker("circle", 3.2, None, BLACK, 0.4)),
    }
    return Style(
        tuple(Rule(words, (mark,), (Test("kind", "=", kind),)) for kind, (words, mark) in marks.items())
    )


SEARCHED = Style(
    (
        Rule(
            "Searched, complete or in part",
            (Fill("#dbe4f1", 0.4, SLATE, 0.3),),
            (Test("counts", "=", "searched"),),
        ),
        Rule(
            "Searched until the first find, then left",
            (Fill(WHITE, 0.4, SLATE, 0.4, "dash"),),
            (Test("counts", "=", "stopped"),),
        ),
        Rule(
            "Could not be searched",
            (Fill(None, outline=BLACK, outline_mm=0.3, dash="dot"), NOT_SEARCHED),
            (Test("counts", "=", "nothing"),),
        ),
    )
)
RECORDS = Style(
    (
        Rule(
            "Strike record as given, with its position error",
            (
                Marker("circle", outline=GREY, outline_mm=0.2, radius_column="position_error_m"),
                Marker("cross", 3.5, outline=BLACK, outline_mm=0.4),
            ),
        ),
    )
)
AREA = Style(
    (
        Rule(
            "Assessed ground", (Fill(None, outline=BLACK, outline_mm=0.5),), (Test("kind", "=", "assessed"),)
        ),
        Rule("Excluded: cannot hold items", (Hatch("#999999", (90.0,)),), (Test("kind", "=", "excluded"),)),
    )
)


# ---- what stands in each ----------------------------------------------------------------------


def layers(assessment: Assessment, summary: Mapping[str, Any]) -> list[Layer]:
    """Every layer of the GeoPackage: evidence on top, ground at the bottom."""
    return [
        evidence(assessment),
        strikes(summary),
        next_boxes(assessment, summary),
        hazardous_area(assessment, summary),
        records(assessment),
        area(assessment),
        searched(assessment),
        cells(assessment),
    ]


def hazardous_area(assessment: Assessment, summary: Mapping[str, Any]) -> Layer:
    """One row for each part of the hazardous area; share, confidence and distance are those of all parts together."""
    told = summary["hazardous_area"]
    whole = {
        key: told[key]
        for key in ("share_left_out", "confidence", "fadeout_m", "asked_share", "asked_confidence")
    }
    shapes, rows = [], []
    for part, (name, shape) in zip(told["parts"], ground.hazard_parts(assessment), strict=True):
        label = f"{told['status'][0]} {name}, {phrasing.hectares(part['area_m2'])}"
        rows.append({**part, **whole, "id": name, "status": told["status"], "label": label})
        shapes.append(shape)
    return Layer(
        "hazardous_area",
        "Polygon",
        _shapes(shapes),
        _table(
            rows,
            {
                **{"id": str, "status": str, "label": str, "area_m2": float, "expected_remaining": float},
                **dict.fromkeys(whole, float),
            },
        ),
        "Suspected hazardous area: the smallest ground that leaves out at most the stated share of the items of "
        "strikes with finds. An estimate; ground outside it is not released by it.",
        HAZARD,
    )


def next_boxes(assessment: Assessment, summary: Mapping[str, Any]) -> Layer:
    """The boxes to search, best first."""
    columns: dict[str, Kind] = {
        **{
            "rank": int,
            "p_find": float,
            "reason": str,
            "aim": str,
            "record": str,
            "expected_remaining": float,
        },
        **{"x": float, "y": float, "lon": float, "lat": float, "utm": str, "mgrs": str},
    }
    shapes = [ground.box_polygon(box, assessment.gridded) for box in assessment.boxes]
    return Layer(
        "next_boxes",
        "Polygon",
        _shapes(shapes),
        _table(summary["next_boxes"], columns),
        "Boxes to search next, in the order in which they teach most. Advice; a person decides.",
        NEXT_BOXES,
    )


def strikes(summary: Mapping[str, Any]) -> Layer:
    """Strikes with finds at their estimated centres, and strike records with what the search says of them."""
    rows = [{**row, "error_m": _error(row)} for row in summary["strikes"]]
    columns: dict[str, Kind] = {
        **{"id": str, "kind": str, "finds": int, "expected_remaining": float, "probability": float},
        **{"error_m": float, "sd_x_m": float, "sd_y_m": float},
        **{"sigma_major_m": float, "sigma_minor_m": float, "bearing_deg": float, "mgrs": str},
    }
    return Layer(
        "strikes",
        "Point",
        _points((row["x"], row["y"]) for row in rows),
        _table(rows, columns),
        "Strikes with finds (probability: that these finds are one strike) and strike records (probability: that "
        "the strike took place and left items, after the search).",
        STRIKES,
    )


def _error(row: Mapping[str, Any]) -> float:
    """One radius for an estimate's error: the root mean square of both directions."""
    return float(np.sqrt((row["sd_x_m"] ** 2 + row["sd_y_m"] ** 2) / 2))


def cells(assessment: Assessment, most: int = MOST_CELLS) -> Layer:
    """The assessed ground cell by cell; beyond `most` cells, neighbours of one class become one polygon."""
    gridded, posterior = assessment.gridded, assessment.posterior
    rasters = {
        "expected_remaining": posterior.expected_remaining,
        "p_any": posterior.p_any_remaining,
        "p_any_undetected": posterior.p_any_undetected,
        "searched": gridded.searched_share,
        "effort": search_effort(assessment),
    }
    if int(gridded.assessed.sum()) <= most:
        shapes, columns = _one_by_one(assessment, rasters)
    else:
        shapes, columns = _merged(assessment, rasters)
    return Layer(
        "cells",
        "Polygon",
        shapes,
        columns,
        "Assessed ground: expected remaining items, chance that any is left in a cell, and the share that was "
        "searched. searched = 0 is NOT SEARCHED, whatever the chance.",
        _cells_style(),
    )


def search_effort(assessment: Assessment) -> NDArray[np.float64]:
    """Chance that an item lying in a cell was found by search; reports, which are no search, are left out."""
    effort, reporting = assessment.posterior.effort, assessment.gridded.reporting
    if reporting is None:
        return effort
    reporting = reporting * learned_of_reports(assessment)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = (1.0 - effort) / (1.0 - reporting)
    done = np.where(assessment.gridded.searched_share > 0, 1.0 - left, 0.0)
    return np.where(assessment.gridded.excluded, 0.0, np.clip(done, 0.0, 1.0))


def learned_of_reports(assessment: Assessment) -> float:
    """The reporting rate as learned, as a share of what was believed before."""
    searches = assessment.gridded.searches
    if searches is None or searches.reports is None:
        return 1.0
    drawn = assessment.posterior.draws_taken.hyper.detection[:, searches.reports]
    return float(drawn.mean() / searches.means[searches.reports])


Rasters = Mapping[str, NDArray[np.float64]]


def _one_by_one(assessment: Assessment, rasters: Rasters) -> tuple[Shapes, dict[str, NDArray[Any]]]:
    gridded = assessment.gridded
    rows, cols = np.nonzero(gridded.assessed)
    columns: dict[str, NDArray[Any]] = {name: values[rows, cols] for name, values in rasters.items()}
    columns["cells"] = np.ones(len(rows), dtype=np.int32)
    columns["area_m2"] = np.full(len(rows), gridded.grid.cell_m**2)
    return ground.cell_boxes(rows, cols, gridded), columns


def _merged(assessment: Assessment, rasters: Rasters) -> tuple[Shapes, dict[str, NDArray[Any]]]:
    """Neighbouring cells of one class of p_any, both searched or both not: items added up, all else the mean."""
    gridded = assessment.gridded
    classes = np.searchsorted(P_BREAKS, rasters["p_any"], side="right") - 1
    classes = np.where(gridded.assessed, classes + len(P_BREAKS) * (gridded.searched_share > 0), -1)
    shapes: list[shapely.Polygon] = []
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in (*rasters, "cells")}
    for one in np.unique(classes[classes >= 0]):
        mask = classes == one
        labels, count = ndimage.label(mask)
        shapes += ground.polygons(mask, gridded)
        flat = labels[mask]
        sizes = np.bincount(flat, minlength=count + 1)[1:]
        parts["cells"].append(sizes.astype(np.int32))
        for name, values in rasters.items():
            sums = np.bincount(flat, weights=values[mask], minlength=count + 1)[1:]
            parts[name].append(sums if name == "expected_remaining" else sums / sizes)
    columns: dict[str, NDArray[Any]] = {name: np.concatenate(values) for name, values in parts.items()}
    columns["area_m2"] = columns["cells"] * gridded.grid.cell_m**2
    return _shapes(shapes), columns


# ---- the inputs, as they were used ------------------------------------------------------------


def evidence(assessment: Assessment) -> Layer:
    """Every evidence point."""
    points = assessment.survey.evidence
    rows = [{**vars(point), "file": point.origin.file, "row": point.origin.row} for point in points]
    columns: dict[str, Kind] = {
        **{"id": str, "kind": str, "how": str, "found_on": "date", "count": int, "munition": str},
        **{"position_error_m": float, "searched_id": str, "file": str, "row": int},
    }
    words = "Evidence points as given. Only items enter the estimate."
    style = _evidence_style()
    return Layer(
        "inputs_evidence", "Point", _shapes([p.place for p in points]), _table(rows, columns), words, style
    )


def searched(assessment: Assessment) -> Layer:
    """Every searched area as ground: lines are widened to their swath."""
    areas = assessment.survey.searched
    rows = [
        {**vars(one), "counts": _counts(one.outcome), "file": one.origin.file, "row": one.origin.row}
        for one in areas
    ]
    columns: dict[str, Kind] = {
        **{
            "id": str,
            "searched_on": "date",
            "method": str,
            "detection": float,
            "outcome": str,
            "counts": str,
        },
        **{"share_searched": float, "team": str, "kind": str, "swath_m": float, "depth_cm": float},
        **{"file": str, "row": int},
    }
    words = "Searched ground as given, lines widened to their swath. All other ground is NOT SEARCHED."
    return Layer(
        "inputs_searched",
        "MultiPolygon",
        _shapes([one.ground for one in areas]),
        _table(rows, columns),
        words,
        SEARCHED,
    )


def _counts(outcome: str) -> str:
    return {"stopped_at_find": "stopped", "not_searchable": "nothing"}.get(outcome, "searched")


def records(assessment: Assessment) -> Layer:
    """Every strike record."""
    given = assessment.survey.strikes
    rows = [{**vars(one), "file": one.origin.file, "row": one.origin.row} for one in given]
    columns: dict[str, Kind] = {
        **{"id": str, "struck_on": "date", "munition": str, "carriers": int, "position_error_m": float},
        **{"credibility": float, "source": str, "duplicate_of": str, "file": str, "row": int},
    }
    words = "Strike records as given. A record is not yet a strike; one that repeats another counts once."
    return Layer(
        "inputs_strikes",
        "Point",
        _shapes([one.place for one in given]),
        _table(rows, columns),
        words,
        RECORDS,
    )


def area(assessment: Assessment) -> Layer:
    """The assessed ground, and ground that cannot hold items."""
    survey = assessment.survey
    rows = [{"kind": "assessed", "assumed": survey.area_assumed, "area_m2": survey.area.area}]
    shapes = [survey.area]
    if survey.excluded is not None and not survey.excluded.is_empty:
        rows.append({"kind": "excluded", "assumed": False, "area_m2": survey.excluded.area})
        shapes.append(survey.excluded)
    columns: dict[str, Kind] = {"kind": str, "assumed": bool, "area_m2": float}
    words = "The ground assessed; assumed = 1 where no area was given and the hull of the inputs stands in."
    return Layer("inputs_area", "MultiPolygon", _shapes(shapes), _table(rows, columns), words, AREA)


# ---- arrays -----------------------------------------------------------------------------------


def _shapes(shapes: Sequence[Any]) -> Shapes:
    out = np.empty(len(shapes), dtype=object)
    out[:] = list(shapes)
    return out


def _points(xy: Iterable[tuple[float, float]]) -> Shapes:
    return _shapes([shapely.Point(place) for place in xy])


def _table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Kind]) -> dict[str, NDArray[Any]]:
    """Rows as columns of one type each; None is NULL."""
    return {name: _column([row.get(name) for row in rows], kind) for name, kind in columns.items()}


def _column(values: Sequence[Any], kind: Kind) -> NDArray[Any]:
    if kind == "date":
        return np.array([np.datetime64("NaT") if v is None else v for v in values], dtype="datetime64[D]")
    if kind is str:
        return _shapes([None if value is None or value == "" else value for value in values])
    if kind is bool:
        return np.array(values, dtype=bool)
    if kind is int:
        whole = np.array([value or 0 for value in values], dtype=np.int32)
        return np.ma.array(whole, mask=[value is None for value in values])
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
