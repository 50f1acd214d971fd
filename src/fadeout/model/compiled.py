"""How the inner loops are compiled: once, kept on disk, without Python's lock, dividing as arrays do.

Reads   nothing
Gives   the decorators `compiled` and `compiled_fast`
Knows   nothing of what is compiled
Start   at `compiled`
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function on first use; it runs without Python's lock, so chains run side by side."""
    return cast(F, njit(nogil=True, cache=True, error_model="numpy")(function))


def compiled_fast(function: F) -> F:
    """The same, where sums may be reordered and no infinities occur, so that loops run as vectors."""
    return cast(F, njit(nogil=True, cache=True, error_model="numpy", fastmath=True)(function))
