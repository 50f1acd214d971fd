"""What may be lost when records are written, and the count of what was.

Reads   nothing
Gives   `LOSSES`, every loss there is, in words; `Lost`, which counts them while a file is written
Knows   nothing of formats: `formats.FORMATS` says which format loses what
Start   at `LOSSES`
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

LOSSES = {
    "spaces": "spaces at the ends of texts, and texts of spaces alone",
    "controls": "control characters in texts, carriage returns among them",
    "separators": "semicolons and commas within an id in a list of ids: they part ids",
    "heights": "heights of corners",
    "one_part": "a shape of several parts that has only one part comes back as that part",
    "no_shape": "shapes without a corner come back as no shape",
    "history": "versions, the time of recording and who recorded",
    "rings": "the direction in which rings run",
    "no_polygons": "polygons, several points in one record, and records without a place: the format has none",
    "grid": "coordinates are kept to a grid of 1e-12 degrees (0.1 µm), or 1e-6 m",
    "long_wholes": "whole numbers beyond 2^53 are rounded",
    "long_cells": "texts of more than 32,767 letters are cut; so long a shape is left out",
    "short_texts": "texts are cut after 254 bytes",
    "decimals": "numbers are kept to 15 decimals, and those beyond 10^18 are left out",
    "names": "column names are cut after ten letters (they are recognised so)",
    "empty_columns": "columns of a layer without rows, and columns in which no row has a value",
}
COMMON = ("controls", "spaces", "separators", "heights", "one_part", "no_shape", "history")  # in every format


@dataclass
class Lost:
    """How often each loss was met while one file was written.

    Examples
    --------
    >>> lost = Lost()
    >>> lost.add("heights", 2)
    >>> lost.told()
    ['heights of corners (2 times)']
    """

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, loss: str, times: int = 1) -> None:
        """Count a loss of `LOSSES`."""
        if loss not in LOSSES:
            raise KeyError(loss)
        if times:
            self.counts[loss] += times

    def told(self) -> list[str]:
        """Each loss that was met, in words, with its number."""
        return [f"{LOSSES[loss]} ({n} times)" for loss, n in sorted(self.counts.items())]
