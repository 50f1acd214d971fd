"""Choice of boxes and of area against the standard survey rules, on truths that the model does not assume.

./run python benchmarks/decisions.py screen  OUT.jsonl            5 sites of each kind, every way of choosing
./run python benchmarks/decisions.py bounds  OUT.jsonl            the same sites, what any inference could do
./run python benchmarks/decisions.py confirm OUT.jsonl            100 fresh sites of each kind, the chosen way
./run python benchmarks/decisions.py table   OUT.jsonl            the figures of either

Each line of OUT.jsonl is one (kind, site, way); what stands there is not done again, so that a stopped run goes on
where it ended. Every way has the boxes and the area of the rule `BASE` on the same site. All data are SIMULATED.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from decision_priors import prior_of
from decision_sites import BOXES, GRID, KINDS, REPORTED, SIDE_M, STATED_P, Site, Survey, make_site
from decision_table import table

from fadeout.model import effort, fit
from fadeout.model.completion import prior_alone
from fadeout.model.hazard import area_of_size, core_area, delineate
from fadeout.model.search import FIRST, SIZED_SHARES, next_boxes, record_lattice, survey_rule

effort.WORKERS = 1  # transforms this small are faster on one thread

RULES = {f"rule {per**2} stride {stride}": (per, stride) for per in (3, 5) for stride in (1, 2)}
BASE = "rule 25 stride 2"  # fewest items missed in all over 700 sites: docs/decisions/0004-next-boxes.md


PRIORS = ("plain", "rings", "sharp", "tail 10", "tail 20", "far", "small", "broad", "plain, shape 0.6", "plain, shape 2",
          "small, strikes 2")  # fmt: skip


@dataclass(frozen=True)
class Way:
    """One way of choosing: shares of the batch, the prior, boxes to a batch, and more."""

    shares: dict
    prior: str = "plain"
    batch: int = 30
    around: int = 3  # boxes along a side of the lattice at each record
    goes_by: float | str | None = (
        None  # the area that edge and sweep go by: of the rule's size, or see `reference`
    )
    knows_detection: bool = False
    chains: int = 1
    more: int = 1  # times as many sweeps
    bound: bool = False  # say also what knowing the true shapes would miss, from the boxes chosen


def _mix(sweep: float = 0.75, explore: float = 0.25, **more) -> Way:
    return Way({"record": FIRST, "sweep": sweep, "explore": explore}, **more)


def _reduce(reduce: float = 0.75, explore: float = 0.25, **more) -> Way:
    return Way({"record": FIRST, "reduce": reduce, "explore": explore}, **more)


OLD = {"record": 0.4, "edge": 0.4, "explore": 0.2}
MODELS = {
    "find": Way({"record": FIRST, "find": 1.0}),
    "doubt": Way({"record": FIRST, "doubt": 1.0}),
    "edge": Way({"record": FIRST, "edge": 1.0}),
    "sweep": Way({"record": FIRST, "sweep": 1.0}),
    "first mix": Way(OLD),
    "edge 25": Way({"record": FIRST, "edge": 1.0}, around=5),
    "split 25": Way({"record": FIRST, "edge": 0.5, "sweep": 0.25, "explore": 0.25}, around=5),
    "sweep, explore": _mix(0.6, 0.4),
    "sweep, some explore": Way(SIZED_SHARES),
    "first mix, drawn": Way(OLD, goes_by="drawn"),
    "drawn, some explore": _mix(goes_by="drawn"),
    "core 5 %, some explore": _mix(goes_by=0.05),
    "core, explore": _mix(0.6, 0.4, goes_by=0.15),
    "core, explore 25": _mix(0.5, 0.5, goes_by=0.15, around=5),
    "reduce, some explore": _reduce(),
    "reduce, batch 10": _reduce(batch=10),
    "reduce, tail 10, batch 10": _reduce(batch=10, prior="tail 10"),
    "reduce only, batch 10": _reduce(1.0, 0.0, batch=10),
    "reduce only, tail 10, batch 10": _reduce(1.0, 0.0, batch=10, prior="tail 10"),
    "sweep, tail 10, batch 10": _mix(batch=10, prior="tail 10"),
    **{
        f"{aim} only, tail 10, batch 10": Way({"record": FIRST, aim: 1.0}, batch=10, prior="tail 10")
        for aim in ("find", "doubt", "edge", "sweep")
    },
    "sweep, tail 10, batch 10, bound": _mix(batch=10, prior="tail 10", bound=True),
    "sweep, tail 10, batch 5": _mix(batch=5, prior="tail 10"),
    "sweep, tail 10, batch 2": _mix(batch=2, prior="tail 10"),
    "reduce, less explore, batch 10": _reduce(0.85, 0.15, batch=10),
    "reduce, knows shapes, batch 10": _reduce(batch=10, prior="knows shapes", knows_detection=True),
    "batch 10": _mix(batch=10),
    "batch 5": _mix(batch=5),
    "sweep only, batch 10": Way({"record": FIRST, "sweep": 1.0}, batch=10),
    "long fits": _mix(chains=2, more=3),
    **{f"mix: {name}": _mix(prior=name) for name in PRIORS[1:]},
    "broad, batch 10": _mix(prior="broad", batch=10),
    "knows shapes, batch 10": _mix(prior="knows shapes", batch=10, knows_detection=True),
    "knows family, batch 10": _mix(prior="knows family", batch=10, knows_detection=True),
}  # fmt: skip
SAME_BOXES = {  # the prior's area from the rule's own finds and boxes
    **{f"rule's boxes: {name}": Way({}, prior=name) for name in PRIORS},
    "rule's boxes: long fits": Way({}, chains=2, more=4),
    **{
        f"rule's boxes: knows {what}": Way({}, prior=f"knows {what}", knows_detection=True, chains=2, more=4)
        for what in ("shapes", "family")
    },
}
CONFIRMED = ("sweep, tail 10, batch 10",)
BOUNDS = (
    *(f"rule's boxes: {name}" for name in ("plain", "tail 10", "knows shapes", "knows family")),
    "sweep, tail 10, batch 10, bound",
    "knows shapes, batch 10",
)
BLIND = ("random boxes", "fixed lattice")
SCREENED, FRESH, FRESH_FROM = 5, 100, 1000  # sites of each kind; 35 screened in all
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
    parser.add_argument("step", choices=("screen", "confirm", "bounds", "table"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--ways", nargs="*", help="only these ways of choosing")
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    parser.add_argument("--sites", type=int, help="sites of each kind (5 screened, 100 fresh)")
    args = parser.parse_args()
    if args.step == "table":
        print(table([json.loads(line) for line in args.out.read_text().splitlines()], BASE))
        return 0
    start = 0 if args.step == "screen" else FRESH_FROM
    sites = args.sites or (FRESH if args.step == "confirm" else SCREENED)
    ways = args.ways or {"screen": [*MODELS, *BLIND], "confirm": CONFIRMED, "bounds": BOUNDS}[args.step]
    run(args.out, [(k, n) for n in range(start, start + sites) for k in args.kinds], ways)
    return 0


def run(out: Path, sites: list, ways: list) -> None:
    """Do what is not done yet, one line after the other."""
    lines = out.read_text().splitlines() if out.exists() else []
    done = {(d["kind"], d["site"], d["way"]) for d in map(json.loads, lines)}
    with out.open("a") as file:
        for count, (kind, number) in enumerate(sites):
            case = Case(make_site(kind, number))
            for way in [*RULES, "oracle", "oracle chooses", *ways]:
                if (kind, number, way) in done:
                    continue
                begun = time.perf_counter()
                result = {"kind": kind, "site": number, "way": way, **one(case, way)}
                result["seconds"] = round(time.perf_counter() - begun, 3)
                file.write(json.dumps(result) + "\n")
                file.flush()
            if sys.stderr.isatty():
                print(f"\r{count + 1} of {len(sites)} sites", end="", file=sys.stderr, flush=True)


@dataclass(frozen=True, eq=False)
class Case:
    """A site with what the rules and the oracle gave on it."""

    site: Site

    @cached_property
    def rules(self) -> dict:
        """Survey, area and number of boxes of each rule."""
        return {name: follow(self.site, *how) for name, how in RULES.items()}

    @property
    def rule(self) -> Survey:
        """The survey of the rule compared with."""
        return self.rules[BASE][0]

    @property
    def boxes(self) -> int:
        """How many boxes that rule searched."""
        return int(self.rules[BASE][2])

    @property
    def size(self) -> int:
        """Boxes of that rule's area."""
        return int(self.rules[BASE][1].sum())

    @cached_property
    def left(self) -> dict:
        """Items that the rule and the oracle on its boxes leave outside their areas."""
        row, col = self.site.row, self.site.col
        areas = {"rule": self.rules[BASE][1], "oracle": _top(true_ranking(self.rule), self.size)}
        return {name: ~self.rule.found & ~area[row, col] for name, area in areas.items()}


def follow(site: Site, per_side: int, stride: int) -> tuple:
    """Follow a standard rule to its end."""
    survey = Survey(site)
    first = [box for r in site.records for box in record_lattice(GRID, r.row, r.col, 1, per_side=per_side)]
    done = survey_rule((BOXES, BOXES), survey.evidence, survey.search, first=first, stride=stride)
    return survey, done.area, len(done.order)


def one(case: Case, way: str) -> dict:
    """What one way of choosing gives on one site, in figures."""
    head = {"boxes": case.boxes, "area": case.size}
    if way in case.rules:
        survey, area, boxes = case.rules[way]
        return {"boxes": boxes, "area": int(area.sum()), **missed(case, survey, area)}
    if way == "oracle":
        return {**head, **curve(case, case.rule, true_ranking(case.rule))}
    if way == "oracle chooses":
        return {**head, **all_knowing(case)}
    if way in BLIND:
        survey = blind(case.site, way, case.boxes)
        return {**head, **stated(case, survey, estimate(survey, "state", Way({})), whole=False)}
    if way in SAME_BOXES:
        survey = case.rule
        if SAME_BOXES[way].knows_detection:
            survey = follow_again(survey)
        whole = "knows" not in way
        return {**head, **stated(case, survey, estimate(survey, "state", SAME_BOXES[way]), whole=whole)}
    return {**head, **by_model(case, MODELS[way])}


def follow_again(survey: Survey) -> Survey:
    """The same survey, told the true detection."""
    told = replace(survey, stated=survey.site.detection)
    told.found, told.searched, told.finds, told.stops = (
        survey.found, survey.searched, survey.finds, survey.stops,
    )  # fmt: skip
    told.effort = np.where(survey.effort > 0, told.stated, 0.0)
    return told


def missed(case: Case, survey: Survey, area: np.ndarray) -> dict:
    """Items neither found nor in the area.

    *discoverable* of strikes with a find or report in this survey, *unknown* of others, *single* of no strike;
    *of rule* of strikes that the rule knew; *both* of strikes that this survey and the rule knew: missed by the rule,
    by this survey, by the oracle on the rule's boxes.
    """
    strike = case.site.ground.strike
    left = ~survey.found & ~area[case.site.row, case.site.col]
    real, own, rule = strike >= 0, survey.known[strike], case.rule.known[strike]
    both = real & own & rule
    return {
        "items": len(strike),
        "discoverable": int((left & real & own).sum()),
        "unknown": int((left & real & ~own).sum()),
        "single": int((left & ~real).sum()),
        "of rule": int((left & real & rule).sum()),
        "both": [int((kind & both).sum()) for kind in (case.left["rule"], left, case.left["oracle"])],
    }


def curve(case: Case, survey: Survey, ranking: np.ndarray) -> dict:
    """Missed items at the rule's size, and those of its strikes and of the survey's own at shares of it."""
    parts = [missed(case, survey, _top(ranking, round(share * case.size))) for share in SHARES_OF_AREA]
    names = {"curve": "discoverable", "curve of rule": "of rule"}
    return {**parts[-1], **{name: [part[of] for part in parts] for name, of in names.items()}}


def _top(ranking: np.ndarray, count: int) -> np.ndarray:
    area = np.zeros(BOXES * BOXES, dtype=bool)
    area[ranking[:count]] = True
    return area.reshape(BOXES, BOXES)


def true_ranking(survey: Survey) -> np.ndarray:
    """Boxes by what the strikes known to the survey truly leave on average, stopped boxes taken as unsearched."""
    site = survey.site
    keep = np.where(survey.effort > 0, 1.0 - site.detection, 1.0)
    return np.argsort(-(site.intensity[survey.known].sum(axis=0) * keep).ravel(), kind="stable")


def all_knowing(case: Case) -> dict:
    """The lowest bound: knows the strikes that the rule knew, and searches just outside the best area."""
    site = case.site
    fresh = Survey(site)
    ranking = np.argsort(-site.intensity[case.rule.known].sum(axis=0).ravel(), kind="stable")
    for box in ranking[case.size : case.size + case.boxes]:
        fresh.search(int(box) // BOXES, int(box) % BOXES)
    out = missed(case, fresh, _top(ranking, case.size))
    return {**out, "discoverable": out["of rule"], "unknown": 0}


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


def estimate(survey: Survey, step: str, way: Way):
    """Fit what the survey knows, at the stated detection."""
    return fit(
        GRID, survey.effort, survey.finds, prior_of(survey.site, way.prior), stopped=survey.stopped(),
        reporting=np.full(GRID.shape, REPORTED), chains=way.chains, sweeps=SWEEPS[step] * way.more, threads=1, seed=1,
    )  # fmt: skip


def reference(posterior, goes_by: float | str | None, size: int):
    """Give the area that edge and sweep go by: of the rule's size, as `delineate` draws it, or of a share left out."""
    if goes_by is None:
        return area_of_size(posterior, size * SIDE_M**2)
    return delineate(posterior) if goes_by == "drawn" else core_area(posterior, float(goes_by))


def by_model(case: Case, way: Way) -> dict:
    """Search batch by batch as the model advises; state what is left after a half, three quarters and all."""
    survey = Survey(case.site, case.site.detection if way.knows_detection else STATED_P)
    boxes, done, out = case.boxes, 0, {}
    stops = {round(share * boxes): share for share in SHARES_OF_BOXES}
    posterior = estimate(survey, "choose" if boxes else "state", way)
    while done < boxes:
        stop = min(n for n in stops if n > done)
        batches = max(1, round((stop - done) / way.batch))
        count = -(-(stop - done) // batches)
        area = reference(posterior, way.goes_by, case.size)
        chosen = next_boxes(
            posterior, area, side_cells=1, searched_share=survey.searched, allowed=np.ones(GRID.shape, bool),
            detection=survey.stated, count=count, shares=way.shares, around_record=way.around,
        )  # fmt: skip
        for box in chosen:
            survey.search(box.row, box.col)
        done += len(chosen)
        if not chosen:
            break
        posterior = estimate(survey, "state" if done == boxes else "choose", way)
        if done in stops and done < boxes:
            part = missed(case, survey, _top(ranking(posterior), case.size))
            out[f"at {stops[done]}"] = {k: part[k] for k in ("discoverable", "unknown", "of rule")}
    # what the truth would leave out of these very boxes: the part of the miss that is no fault of the inference
    best = missed(case, survey, _top(true_ranking(survey), case.size))
    out["truth here"] = {k: best[k] for k in ("discoverable", "unknown", "of rule")}
    if way.bound:
        shapes = estimate(follow_again(survey), "state", SAME_BOXES["rule's boxes: knows shapes"])
        best = missed(case, survey, _top(ranking(shapes), case.size))
        out["shapes here"] = {k: best[k] for k in ("discoverable", "unknown", "of rule")}
    return {**out, **stated(case, survey, posterior)}


def ranking(posterior) -> np.ndarray:
    """Boxes as `area_of_size` takes them."""
    return np.argsort(-posterior.expected_known.ravel(), kind="stable")


def stated(case: Case, survey: Survey, posterior, *, whole: bool = True) -> dict:
    """Missed items at the size given, and how what is stated compares with the truth."""
    out = curve(case, survey, ranking(posterior))
    if not whole:
        return out
    site = survey.site
    left = np.zeros((BOXES, BOXES), dtype=int)
    np.add.at(left, (site.row[~survey.found], site.col[~survey.found]), 1)
    area = delineate(posterior)
    strike = site.ground.strike
    totals = posterior.draw_totals(np.ones(GRID.shape), 1000)
    p_any = posterior.p_any_remaining
    bins = np.minimum((p_any * BINS).astype(int), BINS - 1).ravel()
    return {
        **out,
        "drawn": {
            "area": int(area.cells.sum()),
            "left": int((survey.known[strike] & (strike >= 0) & ~survey.found).sum()),
            "outside": missed(case, survey, area.cells)["discoverable"],
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
        **clear_squares(survey, posterior, left),
    }  # fmt: skip


def clear_squares(survey: Survey, posterior, left: np.ndarray) -> dict:
    """Squares stated clear with at least 95 %: how many, truly clear, and the sum stated.

    *clear* where the prior alone does not say so, *clear searched* those of them of which a quarter or more was
    searched, *clear by prior* where it does.
    """
    blocks = (BOXES // POLYGON, POLYGON, BOXES // POLYGON, POLYGON)
    clear = 1.0 - posterior.p_find_in_boxes(POLYGON, 1.0)
    before = 1.0 - prior_alone(posterior).p_find_in_boxes(POLYGON, 1.0) >= 0.95
    searched = survey.searched.reshape(blocks).mean(axis=(1, 3)) >= 0.25
    truly = left.reshape(blocks).sum(axis=(1, 3)) == 0
    says = clear >= 0.95
    kinds = {"clear": ~before, "clear searched": ~before & searched, "clear by prior": before}
    return {
        name: [
            int((says & kind).sum()),
            int((says & kind & truly).sum()),
            round(float(clear[says & kind].sum()), 4),
        ]
        for name, kind in kinds.items()
    }


if __name__ == "__main__":
    sys.exit(main())
