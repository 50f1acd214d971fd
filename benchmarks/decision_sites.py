"""Sites of known truth that the model does not assume, and one search of a box at a time.

Reads   a kind of truth and the number of a site
Gives   `Site`: items, records, first reports, true intensity; `Survey`: what is searched and found so far
Knows   nothing of how boxes are chosen
Start   at `make_site`

A site has 60 × 60 boxes of 50 m. All of it is SIMULATED.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np

from fadeout.model import Footprint, Grid, Prior, RecordedStrike, StoppedBox
from fadeout.model.simulate import Ellipse, Ground, outside_model, search_boxes

SIDE_M = 50.0
BOXES = 60
GRID = Grid(BOXES, BOXES, SIDE_M)
EXTENT = (0.0, 0.0, BOXES * SIDE_M, BOXES * SIDE_M)
KINDS = ("ellipse", "tails", "rings", "clumps", "bent", "uneven", "one")

STATED_P = 0.75  # the middle of the true 0.6 to 0.9
REPORTED = 0.06  # chance that residents had reported an item before
RECORDED = 0.7  # chance that a strike has a record
CREDIBLE = 0.7  # share of records that are true
ITEMS = 26.0  # mean items of a strike
STRIKES = 3.5  # mean strikes of a site
THROWS = 400  # times a strike's pattern is thrown anew to know its true intensity
SHAPES = (
    *(Footprint(size, size, weight=2, kind="heavy") for size in (60, 95)),
    Footprint(130, 130, kind="heavy"),
    *(Footprint(110, 55, bearing, kind="heavy") for bearing in (0, 60, 120)),
)


@dataclass(frozen=True, eq=False)
class Site:
    """One simulated site; rows run with y, columns with x, both in boxes."""

    kind: str
    number: int
    seed: int
    ground: Ground
    records: tuple[RecordedStrike, ...]
    reported: np.ndarray  # items known before
    detection: float  # true, of one pass
    intensity: np.ndarray  # (strikes, rows, cols) expected items of each strike, before any search

    @property
    def row(self) -> np.ndarray:
        """Box row of each item."""
        return (self.ground.y_m // SIDE_M).astype(int)

    @property
    def col(self) -> np.ndarray:
        """Box column of each item."""
        return (self.ground.x_m // SIDE_M).astype(int)

    @property
    def prior(self) -> Prior:
        """The middle of what the sites are drawn from; no site's own values."""
        unrecorded = (1 - RECORDED) * STRIKES / GRID.area_km2
        return Prior(unrecorded, ITEMS, 1.0, 0.1, SHAPES, self.records)


def make_site(kind: str, number: int) -> Site:
    """Simulate one site; the same kind and number give the same one."""
    seed = zlib.crc32(f"{kind} {number}".encode())
    rng = np.random.default_rng(seed)
    strikes = strikes_of(kind, rng)
    patches = (0.5, 150.0) if kind == "uneven" else None
    ground = outside_model(
        strikes, extent=EXTENT, background_per_km2=0.1, unevenness=0.2, patches=patches, seed=seed
    )
    reported = rng.random(len(ground.x_m)) < REPORTED
    if not reported.any() and len(reported):
        reported[rng.integers(len(reported))] = True
    return Site(
        kind=kind,
        number=number,
        seed=seed,
        ground=ground,
        records=_records(strikes, rng),
        reported=reported,
        detection=float(rng.uniform(0.6, 0.9)),
        intensity=_intensity(strikes, seed),
    )


def strikes_of(kind: str, rng: np.random.Generator) -> list[Ellipse]:
    count = 1 if kind == "one" else 2 + int(rng.poisson(STRIKES - 2.0))
    mean = 90.0 if kind == "one" else ITEMS
    out = []
    for _ in range(count):
        major = 90.0 * rng.lognormal(0.0, 0.3) * (1.3 if kind == "one" else 1.0)
        x, y = rng.uniform(150.0, BOXES * SIDE_M - 150.0, size=2)
        odd = kind if kind != "one" else str(rng.choice(["ellipse", "tails", "rings", "clumps", "bent"]))
        out.append(
            Ellipse(
                x_m=float(x),
                y_m=float(y),
                items=float(rng.gamma(1.5) / 1.5 * mean),
                sigma_major_m=float(major),
                sigma_minor_m=float(major * rng.uniform(0.4, 1.0)),
                bearing_deg=float(rng.uniform(0.0, 180.0)),
                ring=0.7 if odd == "rings" else 0.0,
                tail=0.3 if odd == "tails" else 0.0,
                clumps=_clumps(rng) if odd == "clumps" else (),
                bend=float(rng.uniform(1.0, 2.0)) if odd == "bent" else 0.0,
            )
        )
    return out


def _clumps(rng: np.random.Generator) -> tuple[tuple[float, float], ...]:
    return tuple((float(a), float(b)) for a, b in rng.normal(size=(int(rng.integers(3, 7)), 2)))


def _records(strikes: list[Ellipse], rng: np.random.Generator) -> tuple[RecordedStrike, ...]:
    """Records of some strikes, displaced by 100 to 500 m (root mean square), and false ones."""
    places = [(s.x_m, s.y_m) for s in strikes if rng.random() < RECORDED]
    false = int(rng.poisson(RECORDED * len(strikes) * (1 - CREDIBLE) / CREDIBLE))
    errors = rng.uniform(100.0, 500.0, size=len(places) + false) / np.sqrt(2.0)
    out = []
    for number, error in enumerate(errors):
        if number < len(places):
            x, y = np.array(places[number]) + rng.normal(0.0, error, size=2)
        else:
            x, y = rng.uniform(0.0, BOXES * SIDE_M, size=2)
        x, y = np.clip((x, y), 0.0, BOXES * SIDE_M - 1.0)
        out.append(RecordedStrike(float(y / SIDE_M - 0.5), float(x / SIDE_M - 0.5), float(error), CREDIBLE))
    return tuple(out)


def _intensity(strikes: list[Ellipse], seed: int) -> np.ndarray:
    """Expected items per box of each strike, by throwing its pattern many times."""
    out = np.zeros((len(strikes), BOXES, BOXES))
    for number, strike in enumerate(strikes):
        many = Ellipse(**{**vars(strike), "items": strike.items * THROWS})
        thrown = outside_model([many], extent=EXTENT, unevenness=0.0, seed=seed)
        at = (thrown.y_m // SIDE_M).astype(int) * BOXES + (thrown.x_m // SIDE_M).astype(int)
        out[number] = np.bincount(at, minlength=BOXES**2).reshape(BOXES, BOXES) / THROWS
    return out


@dataclass(eq=False)
class Survey:
    """What was searched and found so far; searching a box stops at its first find."""

    site: Site
    stated: float = STATED_P  # detection that the searchers believe in
    found: np.ndarray = field(init=False)  # items
    searched: np.ndarray = field(init=False)  # boxes
    effort: np.ndarray = field(init=False)  # stated detection of boxes searched to their end
    finds: list = field(init=False)  # (row, col)
    stops: list = field(init=False)  # (row, col, index of the find)

    def __post_init__(self) -> None:
        self.found = self.site.reported.copy()
        self.searched = np.zeros((BOXES, BOXES), dtype=bool)
        self.effort = np.zeros((BOXES, BOXES))
        self.finds = [
            (r, c) for r, c in zip(self.site.row[self.found], self.site.col[self.found], strict=True)
        ]
        self.stops = []

    @property
    def evidence(self) -> list:
        """Boxes with a report or a find."""
        return sorted({(int(r), int(c)) for r, c in self.finds})

    @property
    def known(self) -> np.ndarray:
        """Strikes with a report or a find, as a mask over the site's."""
        strike = self.site.ground.strike
        out = np.zeros(len(self.site.ground.strikes), dtype=bool)
        out[strike[self.found & (strike >= 0)]] = True
        return out

    def search(self, row: int, col: int) -> bool:
        """Search one box; say whether it gave a find."""
        site = self.site
        outcome = search_boxes(
            site.ground, col * SIDE_M, row * SIDE_M, SIDE_M,
            detection=site.detection, found=self.found, seed=site.seed,
        )  # fmt: skip
        self.searched[row, col] = True
        self.found = outcome.found
        if not len(outcome.item):
            self.effort[row, col] = self.stated
            return False
        self.finds.append((row, col))
        self.stops.append((row, col, len(self.finds) - 1))
        return True

    def stopped(self) -> list[StoppedBox]:
        """For `fit`."""
        out = []
        for row, col, find in self.stops:
            mask = np.zeros((BOXES, BOXES), dtype=bool)
            mask[row, col] = True
            out.append(StoppedBox(mask, self.stated, find))
        return out
