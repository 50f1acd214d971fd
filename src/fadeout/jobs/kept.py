"""The estimate that a run keeps, so that later finds and searches can be taken in without a refit.

Reads   what a run estimated; or its folder
Gives   estimate.npz there; from it a `Kept` with the same `Posterior`
Knows   what a posterior is made of; nothing of what is added to it
Start   at `write` and `read`

Tables are made anew from the data when it is read; only draws and data are kept. It holds places of finds, so it is as
confidential as the survey, and is none of the products that are handed on.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import estimates
from fadeout.jobs.gridding import Gridded
from fadeout.model import Footprint, Grid, Learning, Posterior, Prior, RecordedStrike, StoppedBox
from fadeout.model.chain import Draws, HyperDraws
from fadeout.model.convergence import Diagnostics
from fadeout.model.effort import Coverage, Lattice, Method, Searches, check_effort
from fadeout.model.tables import tabulate
from fadeout.records.kinds import SearchedArea, Survey
from fadeout.records.profile import Profile

FILE, SCHEMA = "estimate.npz", "fadeout-estimate/1"
FLAT = ("first", "footprint", "row", "col", "finds", "record", "rate", "shape", "strike_of", "box_keep")

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Kept:
    """An estimate as its run left it, and what of the run an update must know."""

    posterior: Posterior
    facts: dict[str, Any]  # see `write`
    assessed: NDArray[np.bool_]
    area: NDArray[np.bool_]  # the hazardous area


def write(
    folder: Path,
    survey: Survey,
    profile: Profile,
    gridded: Gridded,
    posterior: Posterior,
    area: NDArray[np.bool_],
    *,
    detection: float,
    title: str,
    seed: int,
    created_at: str,
) -> None:
    """Keep an estimate in its run's folder; `detection` is that of one further pass, `area` the hazardous one."""
    effort, draws = posterior.searched, posterior.draws_taken
    facts = {
        "schema": SCHEMA,
        "version": version("fadeout"),
        "created_at": created_at,
        "title": title,
        "stamp": survey.stamp,
        "seed": seed,
        "profile_digest": profile.digest,
        "crs": gridded.crs,
        "west": gridded.west,
        "north": gridded.north,
        "cell_m": gridded.grid.cell_m,
        "side_cells": gridded.side_cells,
        "detection": detection,
        "prior": prior_told(posterior.prior),
        "searched": {one.id: fingerprint(one) for one in survey.searched},
        "find_ids": list(gridded.find_ids),
        "methods": [asdict(method) for method in effort.methods],
        "most": 1.0 if effort.searches is None else effort.searches.most,
        "reports": None if effort.searches is None else effort.searches.reports,
        "passes": [] if effort.searches is None else effort.searches.passes.tolist(),
        "stopped": [[box.detection, box.find, box.method] for box in effort.stopped],
        "diagnostics": {
            **asdict(posterior.diagnostics),
            "ess_learned": min(posterior.diagnostics.ess_learned, 1e300),
        },
        "strikes": draws.strikes,
    }
    arrays: Arrays = {
        "finds": posterior.finds,
        "find_search": posterior.find_search,
        "excluded": effort.excluded,
        "assessed": gridded.assessed,
        "area": area,
        "stopped": np.array([box.mask for box in effort.stopped], dtype=bool).reshape(
            -1, *gridded.grid.shape
        ),
        **{f"draws_{name}": getattr(draws, name) for name in FLAT},
        **{f"hyper_{one.name}": getattr(draws.hyper, one.name) for one in fields(HyperDraws)},
    }
    if effort.searches is None:
        arrays |= {"structured": effort.structured, "reporting": effort.reporting}
    else:
        shares = [covered.share for covered in effort.searches.covered]
        arrays |= {
            "covered": np.array(shares).reshape(-1, *gridded.grid.shape),
            "found_by": effort.searches.found_by,
            "missed_by": effort.searches.missed_by,
        }
    estimates.write(folder / FILE, facts, arrays)


def read(folder: Path) -> Kept:
    """Read the estimate that a run kept.

    Raises
    ------
    InputRefused
        If there is none, or another version of fadeout made it.
    """
    path = folder / FILE
    try:
        facts, arrays = estimates.read(path)
    except (OSError, ValueError) as error:
        message = f"'{folder.name}' holds no kept estimate ({FILE})"
        remedy = "name the folder of a finished `fadeout assess`"
        raise InputRefused([Problem("update.no-estimate", message, remedy, path.name)]) from error
    if facts.get("schema") != SCHEMA or facts.get("version") != version("fadeout"):
        message = f"it was kept by fadeout {facts.get('version')}; this is {version('fadeout')}"
        raise InputRefused([Problem("update.other-version", message, "assess all data anew", path.name)])
    return Kept(_posterior(facts, arrays), facts, arrays["assessed"], arrays["area"])


def _posterior(facts: dict[str, Any], arrays: Arrays) -> Posterior:
    rows, cols = arrays["excluded"].shape
    grid = Grid(rows, cols, float(facts["cell_m"]))
    prior = _prior(facts["prior"])
    stopped = [
        StoppedBox(mask, *told) for mask, told in zip(arrays["stopped"], facts["stopped"], strict=True)
    ]
    effort: Any
    if "structured" in arrays:
        effort, reporting = arrays["structured"], arrays["reporting"]
    else:
        methods = [Method(**{**told, "seeded": tuple(told["seeded"])}) for told in facts["methods"]]
        covered = [
            Coverage(share, tuple(passes))
            for share, passes in zip(arrays["covered"], facts["passes"], strict=True)
        ]
        effort, reporting = (
            Searches(
                tuple(methods), tuple(covered), arrays["found_by"], arrays["missed_by"], facts["reports"],
                facts["most"],
            ),
            None,
        )  # fmt: skip
    checked = check_effort(grid, effort, stopped=stopped, reporting=reporting, excluded=arrays["excluded"])
    lattice = Lattice(grid, prior.footprints, True)
    hyper = HyperDraws(**{one.name: arrays[f"hyper_{one.name}"] for one in fields(HyperDraws)})
    flat = {name: arrays[f"draws_{name}"] for name in FLAT}
    return Posterior(
        grid=grid,
        prior=prior,
        finds=arrays["finds"],
        find_search=arrays["find_search"],
        searched=checked,
        lattice=lattice,
        tables=tabulate(checked, lattice, prior, arrays["finds"]),
        draws_taken=Draws(**flat, hyper=hyper, strikes=float(facts["strikes"])),
        diagnostics=Diagnostics(**facts["diagnostics"]),
    )


def prior_told(prior: Prior) -> dict[str, Any]:
    """A prior as JSON has it."""
    return {
        **{
            name: getattr(prior, name)
            for name in ("strikes_per_km2", "items_per_strike", "items_shape", "background_per_km2")
        },
        "footprints": [asdict(footprint) for footprint in prior.footprints],
        "recorded": [asdict(record) for record in prior.recorded],
        "learned": asdict(prior.learned),
    }


def _prior(told: dict[str, Any]) -> Prior:
    return Prior(
        **{
            **told,
            "footprints": [Footprint(**one) for one in told["footprints"]],
            "recorded": tuple(RecordedStrike(**one) for one in told["recorded"]),
            "learned": Learning(**told["learned"]),
        }
    )


def fingerprint(search: SearchedArea) -> str:
    """What of a searched area the estimate depends on, as a digest."""
    facts = (search.ground.wkb_hex, search.detection, search.method, search.outcome, search.share_searched)
    return hashlib.sha256(repr(facts).encode()).hexdigest()
