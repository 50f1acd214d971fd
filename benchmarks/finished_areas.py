"""SIMULATED finished areas as GeoPackages, from one made-up district, for `fadeout calibrate` and its tests.

Reads   a folder, a seed
Gives   DIR/simulated-area-1.gpkg …, and DIR/simulated-next.gpkg, a new one of which a part was searched
Start   `./run python benchmarks/finished_areas.py DIR [--areas 5] [--seed 1]`
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyogrio
from shapely import Point, box

from fadeout.jobs.gridding import prior_of
from fadeout.model import Grid, Prior, RecordedStrike
from fadeout.model.simulate import from_prior
from fadeout.records import profile as profiles

CRS = "EPSG:32648"
WEST, SOUTH = 700_000.0, 1_850_000.0
SIDE, BOX, CELL = 1000.0, 50.0, 25.0
RECORDS = 3
ERROR_M, CREDIBLE = 150.0, 0.7  # what records state is 300 m, and nothing of credibility
DETECTION = 0.95


def district() -> Prior:
    """The made-up district."""
    return replace(
        prior_of(profiles.load()), strikes_per_km2=2.0, items_per_strike=20.0, background_per_km2=0.5
    )


def write(folder: Path, name: str, number: int, seed: int, searched: float = 1.0, alike: float = 3.0) -> Path:
    """Write one area, `number` kilometres east of the first; of its boxes the share `searched` was searched."""
    rng = np.random.default_rng([seed, number])
    cells = round(SIDE / CELL)
    west = WEST + 2 * SIDE * number
    boxes = [(x, y) for x in np.arange(0, SIDE, BOX) for y in np.arange(0, SIDE, BOX)]
    done = [b for b in boxes if searched >= 1 or rng.random() < searched]
    effort = np.zeros((cells, cells))
    step = round(BOX / CELL)
    for x, y in done:
        row, col = cells - step - round(y / CELL), round(x / CELL)
        effort[row : row + step, col : col + step] = DETECTION
    believed = district()
    rate = rng.gamma(alike) / alike * believed.strikes_per_km2
    records = tuple(
        RecordedStrike(rng.uniform(0, cells), rng.uniform(0, cells), ERROR_M, CREDIBLE)
        for _ in range(RECORDS)
    )
    prior = replace(believed, strikes_per_km2=float(rate), recorded=records)
    truth = from_prior(Grid(cells, cells, CELL), effort, prior, int(rng.integers(2**31)))
    finds = [
        Point(west + (col + rng.random()) * CELL, SOUTH + SIDE - (row + rng.random()) * CELL)
        for row, col in truth.finds
    ]
    strikes = [Point(west + (r.col + 0.5) * CELL, SOUTH + SIDE - (r.row + 0.5) * CELL) for r in records]
    path = folder / f"{name}.gpkg"
    _layer(
        path,
        "evidence",
        "Point",
        finds,
        {"id": [f"F{n}" for n in range(len(finds))], "kind": ["item"] * len(finds)},
    )
    grounds = [box(west + x, SOUTH + y, west + x + BOX, SOUTH + y + BOX) for x, y in done]
    columns = {"id": [f"B{n}" for n in range(len(done))], "method": ["clearance"] * len(done)}
    _layer(path, "searched", "Polygon", grounds, columns)
    _layer(path, "strikes", "Point", strikes, {"id": [f"R{n}" for n in range(len(strikes))]})
    _layer(path, "area", "Polygon", [box(west, SOUTH, west + SIDE, SOUTH + SIDE)], {"name": ["SIMULATED"]})
    return path


def _layer(path: Path, name: str, kind: str, shapes: list[object], columns: dict[str, list[str]]) -> None:
    stamped = {**columns, "stamp": ["SIMULATED"] * len(shapes)}
    pyogrio.raw.write(
        path,
        geometry=np.array([shape.wkb for shape in shapes], dtype=object),  # type: ignore[attr-defined]
        field_data=[np.array(values, dtype=object) for values in stamped.values()],
        fields=list(stamped),
        layer=name,
        geometry_type=kind,
        crs=CRS,
        driver="GPKG",
        append=path.exists(),
    )


def main() -> None:
    """Write the areas."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--areas", type=int, default=5)
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for n in range(given.areas):
        print(write(given.folder, f"simulated-area-{n + 1}", n, given.seed))
    print(write(given.folder, "simulated-next", given.areas, given.seed, searched=0.3))


if __name__ == "__main__":
    main()
