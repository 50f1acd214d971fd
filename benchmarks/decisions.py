"""Choice of boxes and of area against the standard survey rules, on truths that the model does not assume.

./run python benchmarks/decisions.py screen  OUT.jsonl            5 sites of each kind, every way of choosing
./run python benchmarks/decisions.py confirm OUT.jsonl            100 fresh sites of each kind, the chosen ones
./run python benchmarks/decisions.py table   OUT.jsonl            the figures of either

Each line of OUT.jsonl is one (kind, site, way); what stands there is not done again, so that a stopped run goes on
where it ended. Every way has the boxes and the area of the rule `BASE` on the same site. All data are SIMULATED.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from decision_sites import BOXES, GRID, KINDS, REPORTED, SIDE_M, STATED_P, Site, Survey, make_site
from decision_table import table

from fadeout.model import effort, fit
from fadeout.model.hazard import area_of_size, core_area, delineate
from fadeout.model.search import FIRST, SIZED_SHARES, next_boxes, record_lattice, survey_rule

effort.WORKERS = 1  # transforms this small are faster on one thread

RULES = {f"rule {per**2} stride {stride}": (per, stride) for per in (3, 5) for stride in (1, 2)}
BASE = "rule 25 stride 2"  # fewest items missed in all over 700 sites: docs/decisions/0004-next-boxes.md
OLD = {"record": 0.4, "edge": 0.4, "explore": 0.2}
MODELS = {  # shares of the batch, boxes along a side of the lattice at each record, area that edge and sweep go by
    "find": ({"record": FIRST, "find": 1.0}, 3, None),
    "doubt": ({"record": FIRST, "doubt": 1.0}, 3, None),
    "edge": ({"record": FIRST, "edge": 1.0}, 3, None),
    "sweep": ({"record": FIRST, "sweep": 1.0}, 3, None),
    "first mix": (OLD, 3, None),
    "edge 25": ({"record": FIRST, "edge": 1.0}, 5, None),
    "split 25": ({"record": FIRST, "edge": 0.5, "sweep": 0.25, "explore": 0.25}, 5, None),
    "sweep, explore": ({"record": FIRST, "sweep": 0.6, "explore": 0.4}, 3, None),
    "sweep, some explore": (SIZED_SHARES, 3, None),
    "first mix, drawn": (OLD, 3, "drawn"),
    "drawn, some explore": ({"record": FIRST, "sweep": 0.75, "explore": 0.25}, 3, "drawn"),
    "core 5 %, some explore": ({"record": FIRST, "sweep": 0.75, "explore": 0.25}, 3, 0.05),
    "core, explore": ({"record": FIRST, "sweep": 0.6, "explore": 0.4}, 3, 0.15),
    "core, explore 25": ({"record": FIRST, "sweep": 0.5, "explore": 0.5}, 5, 0.15),
}
CONFIRMED = ("sweep, some explore",)
BLIND = ("random boxes", "fixed lattice")
SCREENED, FRESH, FRESH_FROM = 5, 100, 1000  # sites of each kind; 35 screened in all
BATCH = 30
SHARES_OF_BOXES = (0.5, 0.75, 1.0)
SHARES_OF_AREA = tuple(round(0.5 + 0.05 * k, 2) for k in range(11))
SWEEPS = {"choose": 80, "state": 160}
BINS = 10
POLYGON = 4  # side in boxes of the squares of which completion is stated


def main() -> int:
    """Run or tabulate; give the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=("screen", "confirm", "table"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--ways", nargs="*", help="only these ways of choosing")
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    parser.add_argument("--sites", type=int, help="sites of each kind (5 screened, 100 fresh)")
    args = parser.parse_args()
    if args.step == "table":
        print(table([json.loads(line) for line in args.out.read_text().splitlines()], BASE))
        return 0
    start = 0 if args.step == "screen" else FRESH_FROM
    sites = args.sites or (SCREENED if args.step == "screen" else FRESH)
    ways = args.ways or ([*MODELS, *BLIND] if args.step == "screen" else CONFIRMED)
    run(args.out, [(k, n) for n in range(start, start + sites) for k in args.kinds], ways)
    return 0


def run(out: Path, sites: list, ways: list) -> None:
    """Do what is not done yet, one line after the other."""
    lines = out.read_text().splitlines() if out.exists() else []
    done = {(d["kind"], d["site"], d["way"]) for d in map(json.loads, lines)}
    with out.open("a") as file:
        for count, (kind, number) in enumerate(sites):
            site = make_site(kind, number)
            rules = {name: follow(site, *how) for name, how in RULES.items()}
            for way in [*RULES, "oracle", "oracle chooses", *ways]:
                if (kind, number, way) in done:
                    continue
                begun = time.perf_counter()
                result = {"kind": kind, "site": number, "way": way, **one(site, way, rules)}
                result["seconds"] = round(time.perf_counter() - begun, 3)
                file.write(json.dumps(result) + "\n")
                file.flush()
            if sys.stderr.isatty():
                print(f"\r{count + 1} of {len(sites)} sites", end="", file=sys.stderr, flush=True)


def follow(site: Site, per_side: int, stride: int) -> tuple:
    """Follow a standard rule to its end."""
    survey = Survey(site)
    first = [box for r in site.records for box in record_lattice(GRID, r.row, r.col, 1, per_side=per_side)]
    done = survey_rule((BOXES, BOXES), survey.evidence, survey.search, first=first, stride=stride)
    return survey, done.area, len(done.order)


def one(site: Site, way: str, rules: dict) -> dict:
    """What one way of choosing gives on one site, in figures."""
    survey, area, boxes = rules[way] if way in rules else rules[BASE]
    size = int(area.sum())
    if way in rules:
        return {"boxes": boxes, "area": size, **missed(survey, area)}
    if way == "oracle":
        return {"boxes": boxes, "area": size, **curve(survey, true_ranking(survey), size)}
    if way == "oracle chooses":
        return {"boxes": boxes, "area": size, **all_knowing(site, survey, size, boxes)}
    if way in BLIND:
        survey = blind(site, way, boxes)
        return {"boxes": boxes, "area": size, **stated(survey, size, whole=False)}
    return {
        "boxes": boxes,
        "area": size,
        **by_model(
            site, *MODELS[way], size, boxes, whole=site.number >= FRESH_FROM or MODELS[way][2] == "drawn"
        ),
    }


def missed(survey: Survey, area: np.ndarray) -> dict:
    """Items neither found nor in the area: of strikes with a find or report, of others, and of no strike."""
    site = survey.site
    strike = site.ground.strike
    known = np.isin(strike, np.unique(strike[survey.found & (strike >= 0)]))
    left = ~survey.found & ~area[site.row, site.col]
    return {
        "items": len(strike),
        "discoverable": int((left & known).sum()),
        "unknown": int((left & ~known & (strike >= 0)).sum()),
        "single": int((left & (strike < 0)).sum()),
    }


def curve(survey: Survey, ranking: np.ndarray, size: int) -> dict:
    """Missed items at the size given, and discoverable ones at shares of it."""
    areas = [_top(ranking, round(share * size)) for share in SHARES_OF_AREA]
    whole = missed(survey, areas[-1])
    return {**whole, "curve": [missed(survey, area)["discoverable"] for area in areas]}


def _top(ranking: np.ndarray, count: int) -> np.ndarray:
    area = np.zeros(BOXES * BOXES, dtype=bool)
    area[ranking[:count]] = True
    return area.reshape(BOXES, BOXES)


def true_ranking(survey: Survey) -> np.ndarray:
    """Boxes by what the strikes known to the survey truly leave on average, stopped boxes taken as unsearched."""
    site = survey.site
    strike = site.ground.strike
    known = np.unique(strike[survey.found & (strike >= 0)])
    keep = np.where(survey.effort > 0, 1.0 - site.detection, 1.0)
    return np.argsort(-(site.intensity[known].sum(axis=0) * keep).ravel(), kind="stable")


def all_knowing(site: Site, rule: Survey, size: int, boxes: int) -> dict:
    """The lowest bound: knows the strikes that the rule knew, and searches just outside the best area."""
    fresh = Survey(site)
    strike = site.ground.strike
    known = np.unique(strike[rule.found & (strike >= 0)])
    ranking = np.argsort(-site.intensity[known].sum(axis=0).ravel(), kind="stable")
    for box in ranking[size : size + boxes]:
        fresh.search(int(box) // BOXES, int(box) % BOXES)
    area = _top(ranking, size)
    left = ~fresh.found & ~area[site.row, site.col] & np.isin(strike, known)
    return {"items": len(strike), "discoverable": int(left.sum()), "unknown": 0, "single": 0}


def blind(site: Site, way: str, boxes: int) -> Survey:
    """Search boxes that nothing was learned for."""
    survey = Survey(site)
    if way == "random boxes":
        chosen = np.random.default_rng(site.seed).permutation(BOXES * BOXES)[:boxes]
        places = np.column_stack([chosen // BOXES, chosen % BOXES])
    else:
        side = int(np.ceil(np.sqrt(max(boxes, 1))))
        steps = ((np.arange(side) + 0.5) * BOXES / side).astype(int)
        places = np.array([(r, c) for r in steps for c in steps])[:boxes]
    for row, col in places:
        survey.search(int(row), int(col))
    return survey


def estimate(survey: Survey, step: str):
    """Fit what the survey knows, at the stated detection."""
    return fit(
        GRID, survey.effort, survey.finds, survey.site.prior, stopped=survey.stopped(),
        reporting=np.full(GRID.shape, REPORTED), chains=1, sweeps=SWEEPS[step], threads=1, seed=1,
    )  # fmt: skip


def reference(posterior, goes_by: float | str | None, size: int):
    """Give the area that edge and sweep go by: of the rule's size, as `delineate` draws it, or of a share left out."""
    if goes_by is None:
        return area_of_size(posterior, size * SIDE_M**2)
    return delineate(posterior) if goes_by == "drawn" else core_area(posterior, float(goes_by))


def by_model(
    site: Site, shares: dict, around: int, goes_by: float | str | None, size: int, boxes: int, *, whole: bool
) -> dict:
    """Search batch by batch as the model advises; state what is left after a half, three quarters and all."""
    survey, done, out = Survey(site), 0, {}
    stops = {round(share * boxes): share for share in SHARES_OF_BOXES}
    posterior = estimate(survey, "choose" if boxes else "state")
    while done < boxes:
        stop = min(n for n in stops if n > done)
        batches = max(1, round((stop - done) / BATCH))
        count = -(-(stop - done) // batches)
        area = reference(posterior, goes_by, size)
        chosen = next_boxes(
            posterior, area, side_cells=1, searched_share=survey.searched, allowed=np.ones(GRID.shape, bool),
            detection=STATED_P, count=count, shares=shares, around_record=around,
        )  # fmt: skip
        for box in chosen:
            survey.search(box.row, box.col)
        done += len(chosen)
        if not chosen:
            break
        posterior = estimate(survey, "state" if done == boxes else "choose")
        if done in stops and done < boxes:
            part = curve(survey, ranking(posterior), size)
            out[f"at {stops[done]}"] = {k: part[k] for k in ("discoverable", "unknown")}
    return {**out, **stated(survey, size, posterior, whole=whole)}


def ranking(posterior) -> np.ndarray:
    """Boxes as `area_of_size` takes them."""
    return np.argsort(-posterior.expected_known.ravel(), kind="stable")


def stated(survey: Survey, size: int, posterior=None, *, whole: bool = True) -> dict:
    """Missed items at the size given, and how what is stated compares with the truth."""
    posterior = posterior or estimate(survey, "state")
    out = curve(survey, ranking(posterior), size)
    if not whole:
        return out
    site = survey.site
    left = np.zeros((BOXES, BOXES), dtype=int)
    np.add.at(left, (site.row[~survey.found], site.col[~survey.found]), 1)
    area = delineate(posterior)
    drawn = missed(survey, area.cells)
    strike = site.ground.strike
    known = np.isin(strike, np.unique(strike[survey.found & (strike >= 0)]))
    totals = posterior.draw_totals(np.ones(GRID.shape), 1000)
    p_any = posterior.p_any_remaining
    bins = np.minimum((p_any * BINS).astype(int), BINS - 1).ravel()
    clear = 1.0 - posterior.p_find_in_boxes(POLYGON, 1.0)
    squares = left.reshape(BOXES // POLYGON, POLYGON, BOXES // POLYGON, POLYGON).sum(axis=(1, 3))
    return {
        **out,
        "drawn": {
            "area": int(area.cells.sum()),
            "left": int((known & ~survey.found).sum()),
            "outside": drawn["discoverable"],
            "share": area.share_left_out,
            "confidence": area.confidence,
        },
        "total": {
            "true": int(left.sum()),
            "rank": float((totals < left.sum()).mean() + 0.5 * (totals == left.sum()).mean()),
            "mean": float(totals.mean()),
        },
        "bins": [
            np.bincount(bins, minlength=BINS).tolist(),
            np.bincount(bins, weights=p_any.ravel(), minlength=BINS).round(4).tolist(),
            np.bincount(bins, weights=(left > 0).ravel(), minlength=BINS).astype(int).tolist(),
        ],
        "clear": [int((clear >= 0.95).sum()), int(((clear >= 0.95) & (squares == 0)).sum()),
                  round(float(clear[clear >= 0.95].sum()), 4)],
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
