"""What an assessment leaves in its folder, the report apart: layers, rasters, boxes for phones, every figure.

Reads   an `Assessment`
Gives   hazard.gpkg, hazard.tif, next_boxes.gpx, next_boxes.kml and summary.json in a folder
Knows   which file holds what; nothing of how formats are written
Start   at `write`; docs/reference/outputs.md lists every file, layer, column, band and key

The stamp (SIMULATED ..., CHECKS FAILED ...) stands in every one of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from fadeout.exchange import geopackage, rasters, waypoints
from fadeout.exchange.rasters import Band
from fadeout.exchange.waypoints import Place
from fadeout.jobs import ground, phrasing
from fadeout.jobs.figures import summary
from fadeout.jobs.ground import hazard_parts
from fadeout.jobs.product_layers import layers, search_effort
from fadeout.records import places

if TYPE_CHECKING:
    from fadeout.jobs.assessment import Assessment

__all__ = ["FILES", "as_json", "hazard_parts", "summary", "write"]

FILES = ("hazard.gpkg", "hazard.tif", "next_boxes.gpx", "next_boxes.kml", "summary.json")


def write(assessment: Assessment, figures: Mapping[str, Any], folder: Path) -> None:
    """Write every product but the report into an existing folder.

    Parameters
    ----------
    assessment : Assessment
        Finished.
    figures : mapping
        As `summary` gives them; boxes, parts and strikes carry the figures that stand there.
    folder : Path
        Files of the names in `FILES` are replaced.
    """
    stamp = " | ".join(figures["stamps"])
    gpkg, tif, gpx, kml, told = (folder / name for name in FILES)
    geopackage.write(
        gpkg,
        layers(assessment, figures),
        assessment.gridded.crs,
        stamp=stamp,
        changed_on=figures["information_date"],
    )
    write_rasters(assessment, figures, stamp, tif)
    boxes = box_places(assessment, figures)
    title = f"Next boxes to search: {figures['title']}"
    creator = f"fadeout {figures['version']}"
    waypoints.write_gpx(gpx, boxes, title=title, stamp=stamp, creator=creator)
    waypoints.write_kml(kml, boxes, title=title, stamp=stamp)
    told.write_bytes(as_json(figures))


def as_json(figures: Mapping[str, Any]) -> bytes:
    """Give the bytes of summary.json: keys in order, UTF-8, nothing that JSON does not know."""
    text = json.dumps(figures, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def write_rasters(assessment: Assessment, figures: Mapping[str, Any], stamp: str, path: Path) -> None:
    """Write hazard.tif: four bands on the assessed ground, nothing outside it."""
    posterior, gridded = assessment.posterior, assessment.gridded

    def here(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(gridded.assessed, values, np.nan)

    side = phrasing.number(gridded.grid.cell_m)
    bands = [
        Band(
            "expected_remaining",
            f"expected items left in a cell of {side} m",
            here(posterior.expected_remaining),
        ),
        Band("p_any", "chance that at least one item is left in the cell", here(posterior.p_any_remaining)),
        Band(
            "p_any_undetected",
            "the same, from strikes of which nothing was found alone",
            here(posterior.p_any_undetected),
        ),
        Band(
            "effort",
            "chance that search found an item lying in the cell; 0 is NOT SEARCHED",
            here(search_effort(assessment)),
        ),
    ]
    tags = {
        "TIFFTAG_IMAGEDESCRIPTION": geopackage.stamped(figures["title"], stamp),
        "TIFFTAG_SOFTWARE": f"fadeout {figures['version']}",
        "stamp": stamp,
        "title": figures["title"],
        "seed": f"{figures['seed']}",
        "fadeout_version": figures["version"],
        "information_date": figures["information_date"] or "not stated",
        "outside": "NaN outside the assessed ground: nothing is said there",
    }
    rasters.write(
        path,
        bands,
        crs=gridded.crs,
        west=gridded.west,
        north=gridded.north,
        cell_m=gridded.grid.cell_m,
        tags={name: geopackage.printable(words) for name, words in tags.items()},
    )


def box_places(assessment: Assessment, figures: Mapping[str, Any]) -> list[Place]:
    """The boxes as phones take them: named by rank, with the reason, the chance and the grid reference."""
    out = []
    for box, told in zip(assessment.boxes, figures["next_boxes"], strict=True):
        shape = ground.box_polygon(box, assessment.gridded)
        corners = places.move_xy(shapely.get_coordinates(shape)[:-1], assessment.gridded.crs, places.WGS84)
        words = f"{told['reason']} Box of {phrasing.number(told['side_m'])} m. MGRS {told['mgrs']}."
        facts = ("rank", "p_find", "expected_remaining", "aim", "utm", "mgrs")
        out.append(
            Place(
                name=f"{told['rank']}",
                words=words,
                centre=(told["lon"], told["lat"]),
                corners=tuple((float(lon), float(lat)) for lon, lat in corners),
                facts=tuple((name, f"{told[name]}") for name in facts),
            )
        )
    return out
