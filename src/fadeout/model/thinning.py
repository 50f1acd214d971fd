"""Fewer draws of the same posterior, evenly spaced, where all of them would take too long.

Reads   a `Posterior`
Gives   `KnownStrikes` over the chosen draws
Knows   nothing of what is asked of them
Start   at `thinned`
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fadeout.model.known import KnownStrikes
from fadeout.model.posterior import Posterior

WORK = 60_000_000  # kernel cells that one pass over draws may touch: about a third of a second
FEWEST = 200  # draws kept at least: a confidence of 0.9 then has a standard error of 0.02


def thinned(posterior: Posterior, work: int = WORK) -> KnownStrikes:
    """Give the known strikes of evenly spaced draws: so few that one pass touches about `work` cells."""
    draws = posterior.draws_taken
    kernel = (2 * posterior.lattice.reach + 1) ** 2
    wanted = max(FEWEST, int(work / max(1.0, len(draws.row) / draws.count * kernel)))
    if draws.count <= wanted:
        return posterior.known
    chosen = np.unique(np.linspace(0, draws.count - 1, wanted).astype(np.int64))
    sizes = np.diff(draws.first)[chosen]
    first = np.concatenate([[0], np.cumsum(sizes)])
    of = np.repeat(draws.first[chosen] - first[:-1], sizes) + np.arange(first[-1])
    moved = (first[:-1] - draws.first[chosen])[:, None]
    strike_of = draws.strike_of[chosen]
    fewer = replace(
        draws,
        first=first,
        footprint=draws.footprint[of],
        row=draws.row[of],
        col=draws.col[of],
        finds=draws.finds[of],
        record=draws.record[of],
        rate=draws.rate[of],
        shape=draws.shape[of],
        strike_of=np.where(strike_of >= 0, strike_of + moved, -1),
        box_keep=draws.box_keep[chosen],
        hyper=draws.hyper.take(chosen),
    )
    return KnownStrikes(fewer, posterior.lattice, posterior.left.take(chosen))
