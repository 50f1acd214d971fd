"""All data of a running estimate, fitted anew.

Reads   the `Posterior` it began from, and the `Step`s since
Gives   a new `Posterior`
Knows   nothing of particles or weights
Start   at `fit_again`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fadeout.model.effort import Coverage, Method, Searches, StoppedBox
from fadeout.model.fit import fit
from fadeout.model.posterior import Posterior

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Step:
    """Ground searched since the fit: area share of each cell, detection or method, its finds by number."""

    share: Array
    detection: float | None
    method: int | None
    finds: tuple[int, ...]
    stopped: bool


def fit_again(
    posterior: Posterior, steps: Sequence[Step], finds: ArrayLike, *, seed: int = 1, **options: object
) -> Posterior:
    """Fit the data of a posterior, the steps since and all finds; `options` go to `fit`."""
    before = posterior.searched
    stopped = list(before.stopped)
    complete = []
    for step in steps:
        if step.stopped:
            p = step.detection or before.methods[step.method or 0].detection
            stopped.append(StoppedBox(step.share > 0, p, step.finds[0], step.method))
        else:
            complete.append(step)
    effort: ArrayLike | Searches
    if before.searches is None:
        keep = 1.0 - before.structured
        for step in complete:
            keep = keep * (1.0 - step.share * (step.detection or 0.0))
        effort, reporting = 1.0 - keep, before.reporting
    else:
        effort, reporting = _more(before.searches, complete, np.asarray(finds)), None
    return fit(
        posterior.grid, effort, finds, posterior.prior, stopped=stopped, reporting=reporting,
        excluded=before.excluded, pad=posterior.lattice.margin > 0, seed=seed, **options,  # type: ignore[arg-type]
    )  # fmt: skip


def _more(searches: Searches, steps: Sequence[Step], finds: NDArray[np.int64]) -> Searches:
    """Searches with more steps; a detection that belongs to no method becomes a known method of its own.

    Where a step covers a share of a cell, it is taken to cover that share of each piece of it.
    """
    methods = list(searches.methods)
    covered = [(one.share, list(one.passes)) for one in searches.covered]
    missed = [list(row) for row in searches.missed_by]
    found = list(searches.found_by)
    for _ in range(len(finds) - len(found)):
        found.append(-1)
        missed.append([0] * len(methods))
    for step in steps:
        number = step.method
        if number is None:
            number = len(methods)
            methods.append(Method(f"added {number}", step.detection or 1.0))
            covered = [(share, [*passes, 0]) for share, passes in covered]
            missed = [[*row, 0] for row in missed]
        for i in step.finds:
            found[i] = number
            at = (int(finds[i, 0]), int(finds[i, 1]))
            best = max(covered, key=lambda piece: piece[0][at], default=None)
            if best is not None and best[0][at] > 0.5:
                missed[i] = list(best[1])
        pieces = []
        for share, passes in [*covered, (1.0 - sum(share for share, _ in covered), [0] * len(methods))]:
            inside, again = share * step.share, list(passes)
            again[number] += 1
            pieces.append((inside, again))
            if any(passes):
                pieces.append((share - inside, passes))
        covered = [(np.clip(share, 0.0, 1.0), passes) for share, passes in pieces if share.max() > 1e-12]
    return replace(
        searches,
        methods=tuple(methods),
        covered=tuple(Coverage(share, tuple(passes)) for share, passes in _merged(covered)),
        found_by=np.array(found, dtype=np.int64),
        missed_by=np.array(missed, dtype=np.int64).reshape(-1, len(methods)),
    )


def _merged(covered: Sequence[tuple[Array, list[int]]]) -> list[tuple[Array, list[int]]]:
    """Pieces that were gone over alike, as one."""
    out: dict[tuple[int, ...], Array] = {}
    for share, passes in covered:
        key = tuple(passes)
        out[key] = out[key] + share if key in out else share
    return [(share, list(key)) for key, share in out.items()]
