"""How often the 90 % interval of the total holds on a complete census: boxes are drawn, the rest is hidden.

./run python benchmarks/census.py --draws 400 --minutes 40 --out census.jsonl [--data FILE]

The census is `bei.csv` (3,604 trees on 1000 × 500 m): not strikes, so the prior is wide and the numbers are learned.
Boxes of 50 m (4 cells of 25 m) are drawn at random at 10, 20 and 40 % of the ground and searched with p = 1; all
points in them are given to the fit, none is left out. Each fit is one line of the file; run again, it goes on where it
ended. The file name of the census is the only input; nothing of it is written but counts.

Exit code 0 where all three shares hold within three binomial standard errors, 1 where one does not.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fadeout.model import Footprint, Grid, Prior, fit
from fadeout.model.checks import sanity
from fadeout.model.posterior import Posterior
from fadeout.model.prior import Learning

Array = NDArray[np.float64]

DATA = Path(__file__).resolve().parents[2] / "shared/data/detection/bei.csv"
WIDTH_M, HEIGHT_M, CELL_M, BOX_CELLS = 1000, 500, 25.0, 2
SHARES = (0.1, 0.2, 0.4)
GRID = Grid(round(HEIGHT_M / CELL_M), round(WIDTH_M / CELL_M), CELL_M)
PRIOR = (
    Prior(  # clumps of trees, all assumed: exponential numbers of clumps, a factor of e in items either way
        strikes_per_km2=150.0,
        items_per_strike=30.0,
        items_shape=1.0,
        background_per_km2=300.0,
        footprints=[Footprint(sigma, sigma) for sigma in (12.5, 25.0, 50.0, 100.0)],
        learned=Learning(strikes=1.0, items=1.0, shape=0.7, background=1.0, footprints=4.0),
    )
)
CHAINS = 2
SWEEPS = {0.1: 200, 0.2: 200, 0.4: 100}  # for time: too few to converge, as the check of each fit says


def main() -> int:
    """Run what the time allows, print the table, and give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=400, help="draws of boxes at each share (400)")
    parser.add_argument("--minutes", type=float, default=40.0, help="begin no fit after so many minutes (40)")
    parser.add_argument("--out", type=Path, default=Path("census.jsonl"), help="one line for each fit")
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    points = read_points(args.data)
    done = read_lines(args.out)
    have = {(row["share"], row["draw"]) for row in done}
    ends = time.monotonic() + 60.0 * args.minutes
    for draw in range(args.draws):
        for share in SHARES:
            if (share, draw) in have or time.monotonic() > ends:
                continue
            done.append(one_draw(points, share, draw))
            with args.out.open("a") as file:
                file.write(json.dumps(done[-1]) + "\n")
    print(table(done, len(points)))
    return 0 if all(holds(rows_of(done, share)) for share in SHARES) else 1


def read_points(path: Path) -> Array:
    """Places in metres, shape (n, 2): x to the east, y to the north."""
    with path.open() as file:
        return np.array([[float(row["x"]), float(row["y"])] for row in csv.DictReader(file)])


def read_lines(path: Path) -> list[dict[str, object]]:
    """What earlier runs wrote."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def cells_of(points: Array) -> NDArray[np.int64]:
    """Row and column of each point; row 0 is the north edge."""
    row = np.clip((HEIGHT_M - points[:, 1]) // CELL_M, 0, GRID.rows - 1)
    col = np.clip(points[:, 0] // CELL_M, 0, GRID.cols - 1)
    return np.stack([row, col], axis=1).astype(np.int64)


def draw_boxes(share: float, seed: int) -> NDArray[np.bool_]:
    """Cells of boxes drawn at random without repeats, together `share` of the ground."""
    shape = (GRID.rows // BOX_CELLS, GRID.cols // BOX_CELLS)
    chosen = np.zeros(shape[0] * shape[1], dtype=bool)
    rng = np.random.default_rng([seed, round(100 * share)])
    chosen[rng.choice(chosen.size, round(share * chosen.size), replace=False)] = True
    return np.kron(chosen.reshape(shape), np.ones((BOX_CELLS, BOX_CELLS), dtype=bool)).astype(bool)


def fit_boxes(points: Array, share: float, draw: int) -> tuple[Posterior, int]:
    """The posterior of one draw of boxes, and the number of points hidden from it."""
    cells, searched = cells_of(points), draw_boxes(share, draw)
    seen = searched[cells[:, 0], cells[:, 1]]
    posterior = fit(
        GRID,
        searched.astype(float),
        cells[seen],
        PRIOR,
        chains=CHAINS,
        sweeps=SWEEPS[share],
        seed=draw,
        threads=1,
    )
    return posterior, int((~seen).sum())


def one_draw(points: Array, share: float, draw: int) -> dict[str, object]:
    """Fit one draw and give its line: interval, truth, checks by name."""
    begun = time.process_time()
    posterior, hidden = fit_boxes(points, share, draw)
    totals = posterior.draw_totals(np.ones(GRID.shape), 2000, seed=draw)
    low, middle, high = np.quantile(totals, (0.05, 0.5, 0.95))
    verdict = sanity(posterior)
    return {
        "share": share,
        "draw": draw,
        "found": len(posterior.finds),
        "hidden": hidden,
        "low": float(low),
        "median": float(middle),
        "high": float(high),
        "holds": bool(low <= hidden <= high),
        "r_hat": round(posterior.diagnostics.r_hat_total, 3),
        "effective": round(posterior.diagnostics.ess_total),
        "failed": [check.name for check in verdict.failed],
        "noted": [check.name for check in verdict.notes],
        "words": [check.words for check in (*verdict.failed, *verdict.notes)] if draw == 0 else [],
        "cpu_s": round(time.process_time() - begun, 2),
    }


def rows_of(done: list[dict[str, object]], share: float) -> list[dict[str, object]]:
    """The lines of one share."""
    return [row for row in done if row["share"] == share]


def holds(rows: list[dict[str, object]]) -> bool:
    """Whether the 90 % interval held within three binomial standard errors."""
    if not rows:
        return False
    seen = np.mean([bool(row["holds"]) for row in rows])
    return bool(abs(seen - 0.9) <= 3.0 * np.sqrt(0.09 / len(rows)))


def table(done: list[dict[str, object]], count: int) -> str:
    """What was stated beside what was seen."""
    lines = [f"{count:,} points; 90 % interval of those hidden. Draws that name a check in words stand last."]
    lines.append(
        f"{'share':>6} {'draws':>6} {'held':>6} {'3 errors':>9} {'below':>6} {'above':>6} "
        f"{'median/true':>12} {'width/true':>11} {'cpu s':>6}  holds"
    )
    for share in SHARES:
        rows = rows_of(done, share)
        if not rows:
            continue
        figures = np.array(
            [[float(str(row[k])) for k in ("low", "median", "high", "hidden")] for row in rows]
        )
        low, middle, high, true = figures.T
        held = np.mean((low <= true) & (true <= high))
        cpu = np.median([float(str(row["cpu_s"])) for row in rows])
        lines.append(
            f"{share:6.0%} {len(rows):6d} {held:6.3f} {3 * np.sqrt(0.09 / len(rows)):9.3f} "
            f"{np.mean(true < low):6.3f} {np.mean(true > high):6.3f} {np.median(middle / true):12.3f} "
            f"{np.median((high - low) / true):11.3f} {cpu:6.2f}  {'yes' if holds(rows) else 'NO'}"
        )
        lines += named(rows)
    return "\n".join(lines)


def named(rows: list[dict[str, object]]) -> list[str]:
    """How often each check failed or was noted."""
    out = []
    for kind in ("failed", "noted"):
        names = [name for row in rows for name in list(row[kind])]  # type: ignore[call-overload]
        for name in sorted(set(names)):
            out.append(f"       {kind} in {names.count(name)} of {len(rows)}: {name}")
    return out


if __name__ == "__main__":
    sys.exit(main())
