"""How well drawn intensities tell the items of boxes nobody searched, the same way for every method.

Reads   draws of the intensity of every box, shape (draws, boxes), and the simulated ground
Gives   log score, coverage of 90 % intervals, total with its interval
Knows   nothing of how the draws were made
Start   at `scores`

The predictive distribution of a box is the mixture over draws of Poisson(intensity). Items are whole numbers, so an
interval's coverage is that of the randomised probability integral transform, averaged over its randomness: the share of
[F(y − 1), F(y)] that lies in [0.05, 0.95]. It is 0.90 on average for a calibrated forecast, be boxes empty or not.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.special import gammaln, pdtr

NEAR_BOXES = 2  # a box is near a find if one was found at most so many boxes away


def scores(drawn, ground):
    """Score the draws of one run on the boxes that were not searched."""
    held = ~ground.searched.ravel()
    y = ground.items.ravel()[held]
    rates = np.maximum(drawn[:, held].astype(np.float64), 1e-12)
    log_p = (y * np.log(rates) - rates - gammaln(y + 1)).astype(np.float64)
    top = log_p.max(axis=0)
    log_score = top + np.log(np.exp(log_p - top).mean(axis=0))
    upper = pdtr(y, rates).mean(axis=0)
    lower = np.where(y > 0, pdtr(np.maximum(y - 1, 0), rates).mean(axis=0), 0.0)
    inside = np.clip(
        (np.minimum(upper, 0.95) - np.maximum(lower, 0.05)) / np.maximum(upper - lower, 1e-12), 0, 1
    )
    window = np.ones((2 * NEAR_BOXES + 1, 2 * NEAR_BOXES + 1))
    near = ndimage.binary_dilation(ground.found > 0, window).ravel()[held]
    totals = np.random.default_rng(1).poisson(np.minimum(rates.sum(axis=1), 1e15))
    low, middle, high = np.quantile(totals, [0.05, 0.5, 0.95])
    true = int(y.sum())
    return {
        "log_score": float(log_score.sum()), "boxes": int(held.sum()),
        "covered": float(inside.mean()), "covered_near": float(inside[near].mean()), "near": int(near.sum()),
        "total": true, "total_median": float(middle), "total_mean": float(rates.sum(axis=1).mean()),
        "total_90": [float(low), float(high)], "total_held": bool(low <= true <= high),
    }  # fmt: skip
