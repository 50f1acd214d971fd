"""Shapes of countries: Natural Earth at 1:50 million, from the package world-atlas.

Reads   shapes/countries-50m.json (TopoJSON), which the set-up brings; its digest is checked
Gives   shapes by ISO 3166-1 alpha-3 code, in longitude and latitude; and those that the file gives no code, by name
Knows   that borders drawn here are nobody's position, and which states have no shape at this scale
Start   at `shapes`
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import languages

FILE = "countries-50m.json"
SHA256 = "04342cdc1e3016bcd7db1630de95684d67b79fe3c8c460321e87aef469502394"  # of world-atlas 2.0.2
ATTRIBUTION = "Natural Earth, public domain; package world-atlas 2.0.2"
HALF_TURN = 180.0  # degrees
BORDERS = "Borders and names imply no position on the status of any territory."


def there() -> bool:
    """Whether the set-up has brought the shapes."""
    return _file().is_file()


@cache
def shapes() -> dict[str, BaseGeometry]:
    """Shapes by code. Two of a code (a mainland and a lease) become one.

    Raises
    ------
    InputRefused
        If the file is not there, or is another than the one that was checked.
    """
    by_number, found = languages.by_number(), dict[str, list[BaseGeometry]]()
    for number, _, shape in _features():
        if number in by_number:
            found.setdefault(by_number[number], []).extend(_cut(shape))
    return {code: shapely.union_all(parts) for code, parts in found.items()}


@cache
def without_code() -> dict[str, BaseGeometry]:
    """Shapes that the file gives no code, by its own names: left out, they would be holes in the land of others.

    They belong to no state here, as to give them to one, or to none, would be a position.

    Raises
    ------
    InputRefused
        As `shapes`.
    """
    by_number = languages.by_number()
    return {
        name: shapely.union_all(_cut(shape)) for number, name, shape in _features() if number not in by_number
    }


@cache
def _features() -> tuple[tuple[str, str, BaseGeometry], ...]:
    """All of the file: number of ISO 3166-1 or "", name, shape."""
    import pyogrio

    if not there():
        message = "the shapes of countries are not installed"
        raise InputRefused([Problem("shapes.missing", message, "bring them: ./run extras (needs npm)")])
    data = _file().read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        message = f"{FILE} is not the file that was checked"
        raise InputRefused([Problem("shapes.changed", message, "bring it anew: ./run extras")])
    about, _, wkb, columns = pyogrio.raw.read(data, layer="countries")
    numbers, names = (columns[list(about["fields"]).index(name)] for name in ("id", "name"))
    rows = zip(numbers, names, shapely.from_wkb(wkb), strict=True)
    return tuple((str(number or ""), str(name), shape) for number, name, shape in rows)


def _cut(shape: BaseGeometry) -> list[BaseGeometry]:
    """The polygons of a shape, each cut where it crosses 180° (RFC 7946, 3.1.9): in the file they are whole."""
    import antimeridian

    polygons = [one for one in getattr(shape, "geoms", (shape,)) if one.geom_type == "Polygon"]
    return [
        shapely.make_valid(antimeridian.fix_polygon(one, fix_winding=True) if _crosses(one) else one)
        for one in polygons
    ]


def _crosses(polygon: BaseGeometry) -> bool:
    """Whether a ring jumps from one side of 180° to the other."""
    return bool((np.abs(np.diff(shapely.get_coordinates(polygon)[:, 0])) > HALF_TURN).any())


def _file() -> Traversable:
    return files("fadeout.exchange").joinpath("shapes", FILE)
