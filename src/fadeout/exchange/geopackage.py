"""A GeoPackage with several layers, each with its style, that QGIS opens as it should look.

Reads   `Layer`s: geometries, columns, a description and a style
Gives   one .gpkg file; the same layers give the same contents, the same to the byte with the same libraries
Knows   GDAL's driver, and the `layer_styles` table of QGIS; nothing of what layers mean
Start   at `write`

Nothing is lost on the way but NaN, which becomes NULL, and letters that XML and SQLite cannot hold.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from fadeout.exchange.qgis import Style, qml, sld

VERSION = "1.2"  # of the GeoPackage standard: older map programs read it without a warning
BEFORE_DATES = "1970-01-01"  # stands as the date of change where no date is given
NAME_LENGTH = 30  # of a style's name, in the table of QGIS

# As QGIS itself makes it (QgsOgrProviderMetadata::saveStyle), so that QGIS finds and changes the styles.
STYLES_TABLE = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256),
    styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30),
    ui TEXT(30), update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))
"""


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer to write.

    `columns` are arrays of one length: numbers (a masked one is NULL, as NaN is), booleans, dates (datetime64[D]) or
    texts (object; None is NULL). Every layer carries the columns it promises even where it has no row.
    """

    name: str
    geometry: str  # "Point", "Polygon" or "MultiPolygon"
    shapes: NDArray[np.object_]  # shapely geometries, (n,)
    columns: Mapping[str, NDArray[Any]]
    description: str
    style: Style


def write(
    path: Path, layers: Sequence[Layer], crs: str, *, stamp: str = "", changed_on: str | None = None
) -> None:
    """Write layers with their styles into a new GeoPackage; a file of that name is replaced.

    Parameters
    ----------
    path : Path
        The file.
    layers : sequence of Layer
        In the order in which a map program should list them.
    crs : str
        Of all geometries.
    stamp : str
        Words that must stand on everything made from these data: a column `stamp` in every layer, in the
        layer's name as shown and in its description. "" leaves the column empty.
    changed_on : str, optional
        ISO date that stands as the date of change of contents and styles, in place of the clock's.
    """
    path.unlink(missing_ok=True)
    with dated(f"{changed_on or BEFORE_DATES}T00:00:00.000Z") as moment:
        for layer in layers:
            _write_layer(path, layer, crs, stamp)
        write_styles(path, layers, stamp, moment)


@contextmanager
def dated(moment: str) -> Iterator[str]:
    """Let GDAL write this moment where it would write the clock's."""
    import pyogrio

    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": moment})
    try:
        yield moment
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _write_layer(path: Path, layer: Layer, crs: str, stamp: str) -> None:
    from pyogrio import raw

    shapes = np.asarray(layer.shapes, dtype=object)
    count = len(shapes)
    columns = {**layer.columns, "stamp": np.full(count, stamp, dtype=object)}
    short = {name: len(values) for name, values in columns.items() if len(values) != count}
    if short:
        raise ValueError(f"layer {layer.name} has {count} shapes but columns of other lengths: {short}")
    raw.write(
        str(path),
        shapely.to_wkb(_multi(shapes) if layer.geometry == "MultiPolygon" else shapes),
        [_plain(values) for values in columns.values()],
        fields=list(columns),
        field_mask=[_empty(values) for values in columns.values()],
        layer=layer.name,
        driver="GPKG",
        geometry_type=layer.geometry,
        crs=crs,
        append=path.exists(),
        dataset_options={"VERSION": VERSION},
        layer_options={
            "IDENTIFIER": f"{layer.name} ({stamp})" if stamp else layer.name,
            "DESCRIPTION": stamped(layer.description, stamp),
            "FID": "fid",
            "GEOMETRY_NAME": "geom",
        },
    )


def stamped(words: str, stamp: str) -> str:
    """Put the stamp before words.

    Examples
    --------
    >>> stamped("Next boxes.", "SIMULATED"), stamped("Next boxes.", "")
    ('SIMULATED. Next boxes.', 'Next boxes.')
    """
    return f"{stamp.rstrip('.')}. {words}" if stamp else words


def _multi(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    out = np.empty(len(shapes), dtype=object)
    out[:] = [shapely.MultiPolygon([one]) if one.geom_type == "Polygon" else one for one in shapes]
    return out


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """A column as GDAL takes it: NaN stands under a mask, texts are free of letters that XML cannot hold."""
    if values.dtype.kind == "O":
        return np.array([None if value is None else printable(str(value)) for value in values], dtype=object)
    return np.ma.getdata(values)


def _empty(values: NDArray[Any]) -> NDArray[np.bool_] | None:
    if values.dtype.kind == "f":
        return np.asarray(~np.isfinite(np.ma.getdata(values)) | np.ma.getmaskarray(values))
    return np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else None


def printable(text: str) -> str:
    r"""Leave out control characters, which neither XML nor a map can show.

    Examples
    --------
    >>> printable("a\x00b\tc")
    'ab\tc'
    """
    return "".join(
        letter
        for letter in text
        if letter in "\t\n"
        or (letter >= " " and letter not in "\x7f\ufffe\uffff" and not "\ud800" <= letter <= "\udfff")
    )


def write_styles(path: Path, layers: Sequence[Layer], stamp: str, moment: str) -> None:
    """Make the `layer_styles` table and register it, as QGIS does."""
    rows = [
        (
            layer.name,
            "geom",
            f"fadeout {layer.name}"[:NAME_LENGTH],
            printable(qml(layer.style, layer.geometry)),
            printable(sld(layer.style, layer.name)),
            printable(stamped(layer.description, stamp)),
            moment,
        )
        for layer in layers
    ]
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(STYLES_TABLE)
        file.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', 'Styles that QGIS reads', ?, 0)",
            (moment,),
        )
        file.executemany(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
            "styleQML, styleSLD, useAsDefault, description, owner, ui, update_time) "
            "VALUES ('', '', ?, ?, ?, ?, ?, 1, ?, '', NULL, ?)",
            rows,
        )
