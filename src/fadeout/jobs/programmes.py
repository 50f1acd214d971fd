"""The programme that a new store belongs to.

Reads   words from the command line
Gives   a `Record` of the kind programme
Knows   nothing else
Start   at `programme`
"""

from __future__ import annotations

from shapely import box

from fadeout.errors import InputRefused, Problem
from fadeout.records.record import Record


def programme(name: str, country: str, ground: str) -> Record | None:
    """Give the record of a programme, None where nothing was said.

    Examples
    --------
    >>> programme("Northern survey", "LAO", "100,13.9,107.7,22.5").shape.bounds
    (100.0, 13.9, 107.7, 22.5)
    """
    if not (name or country or ground):
        return None
    shape = None
    if ground:
        try:
            west, south, east, north = (float(part) for part in ground.split(","))
        except ValueError:
            west, south, east, north = 1.0, 0.0, 0.0, 0.0
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            message = f"the ground '{ground}' is not W,S,E,N in degrees"
            raise InputRefused([Problem("store.bad-ground", message, "write it as 100,13.9,107.7,22.5")])
        shape = box(west, south, east, north)
    values = {"name": name or country or "programme", "country": country.upper()}
    return Record("programme", name or country or "programme", dict(values), shape)
