"""Fit what was gridded, and fit it again under other assumptions, so that a reader sees what the prior does.

Reads   `Gridded`, the hazardous area as assessed
Gives   the `Posterior` (`fitted`), and one `SensitivityRow` for each variant of the prior (`sensitivity`)
Knows   nothing of files or reports
Start   at `sensitivity`
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fadeout.jobs.assessment import SensitivityRow
from fadeout.jobs.gridding import Gridded
from fadeout.model import Posterior, Prior, fit, hazard
from fadeout.records.profile import Profile

Heard = Callable[[float, str], None]  # share of this part done, words
Mask = NDArray[np.bool_]

VARIANTS: tuple[tuple[str, Callable[[Prior], Prior]], ...] = (
    ("items per strike halved", lambda prior: prior.with_items(0.5)),
    ("items per strike doubled", lambda prior: prior.with_items(2.0)),
    ("footprint sizes halved", lambda prior: prior.with_sizes(0.5)),
    ("footprint sizes doubled", lambda prior: prior.with_sizes(2.0)),
)
DRAWS = 2000  # of totals, for intervals
AT_ONCE = 2  # refits side by side; compiled code runs without Python's lock


def fitted(
    gridded: Gridded, seed: int, heard: Heard | None = None, *, prior: Prior | None = None, **asked: Any
) -> Posterior:
    """Fit what was gridded, under its own prior or another one; `asked` goes to `fit` as it is."""
    return fit(
        gridded.grid,
        gridded.effort if gridded.searches is None else gridded.searches,
        gridded.finds,
        prior or gridded.prior,
        stopped=gridded.stopped,
        reporting=gridded.reporting if gridded.searches is None else None,
        excluded=gridded.excluded,
        find_search=gridded.find_search,
        find_error_m=gridded.find_error_m,
        seed=seed,
        progress=heard,
        **asked,
    )


def total(posterior: Posterior, ground: Mask, seed: int) -> tuple[float, float, float]:
    """Give the 5 %, 50 % and 95 % points of the number of items remaining on some ground."""
    totals = posterior.draw_totals(ground, draws=DRAWS, seed=seed)
    low, median, high = np.quantile(totals, [0.05, 0.5, 0.95], method="inverted_cdf")
    return float(low), float(median), float(high)


def sensitivity(
    area: hazard.HazardousArea, gridded: Gridded, profile: Profile, seed: int, heard: Heard
) -> tuple[SensitivityRow, ...]:
    """Fit again under each variant of the prior, some side by side; if one fails or is stopped, stop all."""
    stop = threading.Event()
    done = dict.fromkeys((name for name, _ in VARIANTS), 0.0)

    def row(name: str, change: Callable[[Prior], Prior]) -> SensitivityRow:
        def listen(share: float, words: str) -> None:
            if stop.is_set():
                raise _Stopped
            done[name] = share
            heard(sum(done.values()) / len(done), name)

        posterior = fitted(gridded, seed, listen, prior=change(gridded.prior), threads=1, **_shorter(gridded))
        return _row(name, posterior, area, gridded, profile, seed)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            # the widest footprints take longest, so the last variant begins first
            rows = [pool.submit(row, name, change) for name, change in reversed(VARIANTS)][::-1]
            for finished in as_completed(rows):
                finished.result()
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return tuple(finished.result() for finished in rows)


def _row(
    name: str,
    posterior: Posterior,
    area: hazard.HazardousArea,
    gridded: Gridded,
    profile: Profile,
    seed: int,
) -> SensitivityRow:
    again = hazard.delineate(
        posterior, share_left_out=profile.hazard_share, confidence=profile.hazard_confidence
    )
    low, _, high = total(posterior, gridded.assessed, seed)
    return SensitivityRow(
        name=name,
        expected_remaining=posterior.expected_remaining_in(gridded.assessed),
        interval=(low, high),
        area_m2=again.area_m2,
        p_none_outside=posterior.p_none_in(gridded.assessed & ~area.cells),
    )


class _Stopped(Exception):
    """A refit that nobody waits for any more."""


def _shorter(gridded: Gridded) -> dict[str, int]:
    """Chains long enough for a table that says by what factor a figure moves."""
    most = 400 if gridded.prior.learned.any or gridded.searches is not None else 1_000
    return {"chains": 2, "sweeps": int(np.clip(8_000 // max(len(gridded.finds), 1), 40, most))}
