"""The regular metric grid that everything in `model` lives on.

Reads   rows, columns and cell side
Gives   `Grid`
Knows   nothing of coordinates or CRS: row 0 is the north edge, column 0 the west edge; a place may be given as
        fractional (row, col), where a whole number is the centre of that cell
Start   at `Grid`
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """A grid of `rows` × `cols` square cells of side `cell_m` metres; row 0 is the north edge.

    Examples
    --------
    >>> Grid(rows=40, cols=40, cell_m=25.0).area_km2
    1.0
    """

    rows: int
    cols: int
    cell_m: float

    def __post_init__(self) -> None:
        if self.rows < 1 or self.cols < 1 or not self.cell_m > 0:
            raise ValueError(f"a grid needs rows, cols and cell_m above 0; got {self}")

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols)."""
        return self.rows, self.cols

    @property
    def cell_km2(self) -> float:
        """Area of one cell in square kilometres."""
        return self.cell_m * self.cell_m / 1e6

    @property
    def area_km2(self) -> float:
        """Area of the whole grid in square kilometres."""
        return self.cell_km2 * self.rows * self.cols
