"""Writing records in any format: whole or not at all, and with what was lost told.

Reads   `Outgoing` layers of records, the facts of the file
Gives   a file of the format that the path's suffix names; texts that say what was lost on the way
Knows   which writer serves which format; nothing of how records are chosen, nor of who may see them
Start   at `write_records`
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import formats, geojson, gpx, kml, layered, parquet, spreadsheets
from fadeout.exchange.losses import Lost
from fadeout.exchange.outgoing import Outgoing, told
from fadeout.records import places

Writer = Callable[..., None]

WRITERS: dict[str, Writer] = {
    "GeoPackage": layered.write_geopackage,
    "GeoJSON": geojson.write,
    "KML": kml.write_kml,
    "KMZ": kml.write_kmz,
    "GPX": gpx.write,
    "GeoParquet": parquet.write,
    "File Geodatabase": layered.write_geodatabase,
    "zipped Shapefile": layered.write_shapefiles,
    "XLSX": spreadsheets.write_xlsx,
    "CSV": spreadsheets.write_csv,
}


def write_records(
    path: Path, layers: Sequence[Outgoing], *, about: Mapping[str, Any], crs: str = places.WGS84
) -> list[str]:
    """Write layers of records into one file of the format that its suffix names.

    The file is made under a hidden name beside its place and takes its name when it is whole; any exception leaves
    what was there before. Records are taken some thousand at a time, so that memory stays flat (XLSX: as far as
    openpyxl keeps it so).

    Parameters
    ----------
    path : Path
        A name that ends in a suffix of a written format (docs/reference/formats.md); what is there is replaced.
    layers : sequence of Outgoing
        One for formats that hold one.
    about : mapping
        What the file must say of itself; see `outgoing.told` for what it needs.
    crs : str
        Of places in the file; formats that know WGS 84 alone refuse any other.

    Returns
    -------
    list of str
        What was lost, in words with numbers; empty if nothing was.

    Raises
    ------
    InputRefused
        If the format is unknown or not written, cannot hold the layers or the CRS, or the place cannot be written to.
    """
    form = _form(path)
    problems = _refusals(path, form, layers, crs)
    if problems:
        raise InputRefused(problems)
    lost = Lost()
    facts = told(about, crs)
    writer = partial(WRITERS[form.name], crs=crs) if form.any_crs else WRITERS[form.name]
    with _whole(path) as building:
        writer(building, layers, facts, lost)
    return lost.told()


def written() -> tuple[str, ...]:
    """The suffixes of all formats that are written, the usual one of each.

    Examples
    --------
    >>> written()[:3]
    ('.gpkg', '.geojson', '.kml')
    """
    return tuple(form.suffixes[0] for form in formats.FORMATS if form.writes)


def _form(path: Path) -> formats.Format:
    form = formats.named(path)
    if form is None or not form.writes or (form.name == "CSV" and path.suffix.lower() != ".csv"):
        message = f"files ending in '{path.suffix}' are not written"
        raise InputRefused(
            [Problem("write.unknown-format", message, f"choose one of {', '.join(written())}", path.name)]
        )
    return form


def _refusals(path: Path, form: formats.Format, layers: Sequence[Outgoing], crs: str) -> list[Problem]:
    """What the format cannot hold at all."""
    problems = []
    if not layers or (form.one_layer and len(layers) > 1):
        message = f"{form.name} holds one layer, and {len(layers)} were asked for"
        remedy = "write each kind into a file of its own, or choose GeoPackage"
        problems.append(Problem("write.layers", message, remedy, path.name))
    if crs != places.WGS84 and not form.any_crs:
        message = f"{form.name} is written in WGS 84 (EPSG:4326) alone, not in {crs}"
        problems.append(Problem("write.crs", message, "leave the CRS out, or choose GeoPackage", path.name))
    for layer in layers:
        if form.name == "GPX" and layer.geometry in ("", "polygon"):
            message = "GPX holds points and lines, and these records have neither"
            problems.append(Problem("write.no-polygons", message, "choose KML", path.name, layer.name))
    return problems


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a path to write to; what is written there takes its place at the end, or goes if anything fails.

    Whatever a writer leaves beside the file under names that begin with the file's own (CSV's facts) goes along.
    """
    folder = path.with_name(f".{path.name}.part-{secrets.token_hex(4)}")
    try:
        folder.mkdir()
    except OSError as error:
        message = f"the file cannot be written here: {error.strerror or error}"
        raise InputRefused([Problem("write.place", message, "name another place", path.name)]) from error
    try:
        yield folder / path.name
        made = sorted(one for one in folder.iterdir() if one.name.startswith(f"{path.name}."))
        for one in [*(other for other in made if other.is_file()), folder / path.name]:
            _put(one, path.with_name(one.name), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put(made: Path, target: Path, aside: Path) -> None:
    """Let what was made take its name; an earlier geodatabase, a folder, is moved aside first."""
    if target.is_dir():
        if not made.is_dir() or not any(target.glob("*.gdbtable")):
            message = "there is a folder of this name, which is not replaced"
            raise InputRefused([Problem("write.place", message, "name another place", target.name)])
        os.replace(target, aside / "earlier")
    os.replace(made, target)
