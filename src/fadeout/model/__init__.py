"""The strike-cluster model: mathematics on arrays, with numpy, scipy and numba alone.

Start at `fit`; docs/explanation/model.md tells what it believes and how it computes.
"""

from fadeout.model.convergence import Diagnostics
from fadeout.model.effort import Coverage, Method, Searches, StoppedBox
from fadeout.model.fit import fit
from fadeout.model.footprints import Footprint
from fadeout.model.grid import Grid
from fadeout.model.posterior import Posterior
from fadeout.model.prior import Learning, Prior, RecordedStrike
from fadeout.model.strikes import StrikeEstimate

__all__ = [
    "Coverage",
    "Diagnostics",
    "Footprint",
    "Grid",
    "Learning",
    "Method",
    "Posterior",
    "Prior",
    "RecordedStrike",
    "Searches",
    "StoppedBox",
    "StrikeEstimate",
    "fit",
]
