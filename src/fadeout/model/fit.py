"""Fit the strike-cluster model: tables, several chains, convergence, one `Posterior`.

Reads   a grid, effort, finds and a prior, as arrays
Gives   `Posterior`
Knows   nothing of files, coordinates or dates; never prints; progress goes to a callback
Start   at `fit`
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fadeout.model.chain import Chain, Draws, gather_draws, no_draws
from fadeout.model.convergence import (
    EFFECTIVE_LEARNED,
    EFFECTIVE_STRIKES,
    EFFECTIVE_TOTAL,
    R_HAT_LIMIT,
    Diagnostics,
    diagnose,
    nothing_to_sample,
)
from fadeout.model.effort import Effort, Lattice, Searches, StoppedBox, check_effort
from fadeout.model.grid import Grid
from fadeout.model.posterior import Posterior
from fadeout.model.prior import Prior
from fadeout.model.tables import Tables, tabulate

Progress = Callable[[float, str], None]

CHAINS = 4
EXTENSIONS = 4  # a fit that has not converged is run on, at most this many times its first length
EXTENSIONS_LEARNING = (
    12  # the same where something is learned: numbers move every third sweep where tables are large
)


def fit(
    grid: Grid,
    effort: ArrayLike | Searches,
    finds: ArrayLike,
    prior: Prior,
    *,
    stopped: Sequence[StoppedBox] = (),
    reporting: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    find_search: ArrayLike | None = None,
    find_error_m: ArrayLike | None = None,
    pad: bool = True,
    chains: int = CHAINS,
    sweeps: int | None = None,
    seed: int = 1,
    progress: Progress | None = None,
    threads: int | None = None,
) -> Posterior:
    """Fit strikes to finds under search effort and give the posterior of what remains.

    Parameters
    ----------
    grid : Grid
        The cells.
    effort : array, shape (rows, cols), or Searches
        Probability that an item lying in the cell was detected by structured, complete search; 0 is *not searched*.
        `Searches` say the same method by method, so that detection can be learned.
    finds : array of int, shape (n, 2)
        Row and column of each found item.
    prior : Prior
        What is believed before; its recorded strikes are given in grid rows and columns. `prior.learned` says what the
        data may move.
    stopped : sequence of StoppedBox
        Boxes left at their first find; the share covered is drawn in the chain. Not part of `effort`.
    reporting : array, shape (rows, cols), optional
        Effort of opportunistic reports. It lowers what remains but is no search.
    excluded : array of bool, shape (rows, cols), optional
        Ground that cannot hold items.
    find_search : array of int, shape (n,), optional
        Which search found each item. Kept with the posterior; `Searches` say which method did.
    find_error_m : array, shape (n,), optional
        Standard deviation of each find's recorded place, in each direction. Up to half a cell it counts as none; beyond,
        the find's cell is drawn with the chain, among those where it could be found.
    pad : bool
        Whether strikes may be centred outside the grid, within one footprint's reach.
    chains, sweeps : int
        Chains, and sweeps per chain after warm-up. Without `sweeps` the fit chooses a length by the number of
        finds and runs on, up to four times that (twelve times if anything is learned), until the chains agree.
    seed : int
        Same inputs and seed give the same posterior.
    progress : callable, optional
        Called with the share done, 0 to 1, and words.
    threads : int, optional
        Threads for the chains; all processors by default. The result does not depend on it.

    Raises
    ------
    ValueError
        If shapes disagree, a probability lies outside 0 to 1, or a find lies where nothing was searched.

    Notes
    -----
    docs/explanation/model.md gives the model and the moves.

    Examples
    --------
    >>> from fadeout.model import Footprint, Grid, Prior, fit
    >>> prior = Prior(strikes_per_km2=1.0, items_per_strike=30.0, items_shape=1.0, background_per_km2=0.2,
    ...               footprints=[Footprint(sigma_major_m=80, sigma_minor_m=40, bearing_deg=45)])
    >>> nothing_searched = fit(Grid(20, 20, 25.0), np.zeros((20, 20)), np.empty((0, 2), int), prior, pad=True)
    >>> round(float(nothing_searched.expected_remaining.sum()), 1)  # 0.25 km² × (1 × 30 + 0.2): the prior back
    7.5
    """
    report = progress or (lambda done, words: None)
    checked = check_effort(grid, effort, stopped=stopped, reporting=reporting, excluded=excluded)
    places = check_finds(checked, finds)
    searches = _check_searches(find_search, len(places))
    report(0.0, "exposures")
    lattice = Lattice(grid, prior.footprints, pad)
    tables = tabulate(checked, lattice, prior, places, _check_errors(find_error_m, len(places)))
    report(0.05, "chains")
    if len(places) == 0 and not tables.learns:
        draws, diagnostics = no_draws(tables), nothing_to_sample()
    else:
        draws, diagnostics = _run_chains(tables, chains, sweeps, seed, report, threads)
    report(1.0, "done")
    return Posterior(
        grid=grid,
        prior=prior,
        finds=places,
        find_search=searches,
        searched=checked,
        lattice=lattice,
        tables=tables,
        draws_taken=draws,
        diagnostics=diagnostics,
    )


def check_finds(effort: Effort, finds: ArrayLike) -> NDArray[np.int64]:
    """Check that each find lies on the grid, outside excluded ground, where something was searched; raise ValueError."""
    places = np.asarray(finds)
    if places.size == 0:
        places = np.empty((0, 2), dtype=np.int64)
    if places.ndim != 2 or places.shape[1] != 2:
        raise ValueError(f"finds must have shape (n, 2), row and column; got {places.shape}")
    if not np.all(places == np.floor(places)):
        raise ValueError("finds must be whole rows and columns")
    places = places.astype(np.int64)
    detectable = effort.detected > 0
    for box in effort.stopped:
        detectable |= box.mask
    detectable &= ~effort.excluded
    rows, cols = effort.grid.shape
    for number, (row, col) in enumerate(places):
        if not (0 <= row < rows and 0 <= col < cols):
            raise ValueError(
                f"find {number} lies at row {row}, col {col}; the grid has {rows} × {cols} cells"
            )
        if not detectable[row, col]:
            raise ValueError(
                f"find {number} lies at row {row}, col {col}, where all effort is 0: an item cannot be found where "
                "nobody searched. Give the search or the reporting effort that found it."
            )
    _check_finders(effort, len(places))
    for number, box in enumerate(effort.stopped):
        if not 0 <= box.find < len(places):
            raise ValueError(f"stopped box {number} names find {box.find}; there are {len(places)} finds")
        if not box.mask[tuple(places[box.find])]:
            raise ValueError(f"stopped box {number} does not cover its find {box.find}")
    return places


def _check_finders(effort: Effort, count: int) -> None:
    if effort.searches is None:
        return
    methods = len(effort.methods)
    found_by, missed_by = effort.searches.found_by, effort.searches.missed_by
    if np.shape(found_by) != (count,) or np.shape(missed_by) != (count, methods):
        raise ValueError(
            f"found_by and missed_by must have shapes ({count},) and ({count}, {methods}); got "
            f"{np.shape(found_by)} and {np.shape(missed_by)}"
        )
    if count and not (np.min(found_by) >= -1 and np.max(found_by) < methods):
        raise ValueError(f"found_by must name methods 0 to {methods - 1}, or -1")


def _check_searches(find_search: ArrayLike | None, count: int) -> NDArray[np.int64]:
    searches = np.full(count, -1) if find_search is None else np.asarray(find_search)
    if searches.shape != (count,):
        raise ValueError(
            f"find_search must name one search for each of {count} finds; got shape {searches.shape}"
        )
    return searches.astype(np.int64)


def _check_errors(find_error_m: ArrayLike | None, count: int) -> NDArray[np.float64] | None:
    if find_error_m is None:
        return None
    errors = np.asarray(find_error_m, dtype=np.float64)
    if errors.shape != (count,) or not (np.isfinite(errors).all() and (errors >= 0).all()):
        raise ValueError(
            f"find_error_m must give metres of at least 0 for each of {count} finds; got shape {errors.shape}"
            f"{f', least {errors.min()}' if errors.size else ''}"
        )
    return errors


def planned_sweeps(finds: int) -> int:
    """Sweeps per chain to begin with: many where they are cheap, at least 400."""
    return int(np.clip(7_000 // max(finds, 4), 400, 4_000))


def _run_chains(
    tables: Tables,
    chains: int,
    sweeps: int | None,
    seed: int,
    report: Progress,
    threads: int | None,
) -> tuple[Draws, Diagnostics]:
    """Run the chains side by side until they agree (or for just `sweeps`); the seed alone decides what they draw."""
    if chains < 1 or (sweeps is not None and sweeps < 4):
        raise ValueError(f"a fit needs at least 1 chain and 4 sweeps; got {chains} and {sweeps}")
    length = planned_sweeps(tables.count) if sweeps is None else sweeps
    extensions = EXTENSIONS_LEARNING if tables.learns else EXTENSIONS
    most = length * (extensions if sweeps is None else 1)
    warm_up = max(50, length // 4)
    seeds = np.random.SeedSequence(seed).spawn(chains)
    runs = [Chain(tables, np.random.default_rng(s), number) for number, s in enumerate(seeds)]
    stop = threading.Event()
    done = [0] * chains

    def advance(number: int, count: int, keep: bool) -> None:
        runs[number].advance(count, keep, stop, lambda n: done.__setitem__(number, done[number] + n))

    workers = max(1, min(chains, threads or os.cpu_count() or 1))
    with ThreadPoolExecutor(workers) as pool:
        try:
            planned, block = 0, length
            while True:
                first, planned = planned == 0, planned + block
                whole = chains * (warm_up + planned)
                jobs = [pool.submit(_both, advance, n, warm_up if first else 0, block) for n in range(chains)]
                while wait(jobs, 0.1).not_done:
                    report(
                        0.05 + 0.9 * min(1.0, sum(done) / whole),
                        f"chains, {sum(done):,} of {whole:,} sweeps",
                    )
                for job in jobs:
                    job.result()
                diagnostics = _diagnose(runs)
                block = min(_missing(diagnostics, planned, length), most - planned)
                if diagnostics.converged or block < 4:
                    break
        except BaseException:
            stop.set()
            raise
    return gather_draws(tables, runs), diagnostics


def _both(advance: Callable[[int, int, bool], None], number: int, warm_up: int, length: int) -> None:
    advance(number, warm_up, False)
    advance(number, length, True)


def _missing(found: Diagnostics, done: int, length: int) -> int:
    """Sweeps per chain still to run: what effective sizes lack and a quarter more; a whole length if chains differ."""
    if max(found.r_hat_total, found.r_hat_strikes, found.r_hat_learned) > R_HAT_LIMIT:
        return length
    lacking = max(
        EFFECTIVE_TOTAL / max(found.ess_total, 1.0),
        EFFECTIVE_STRIKES / max(found.ess_strikes, 1.0),
        EFFECTIVE_LEARNED / max(found.ess_learned, 1.0),
    )
    return int(np.clip(1.25 * done * (lacking - 1.0), length // 4, length))


def _diagnose(runs: Sequence[Chain]) -> Diagnostics:
    traces = np.stack([run.trace() for run in runs])
    if not math.isfinite(float(traces.sum())):
        raise ValueError("the chains gave figures that are not finite; check the prior's values")
    return diagnose(traces[:, :, 0], traces[:, :, 1], traces[:, :, 2:])
