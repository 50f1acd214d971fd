"""Rasters on a grid as one Cloud-Optimised GeoTIFF.

Reads   `Band`s: arrays of one shape, row 0 north; NaN is *nothing said here*
Gives   one .tif with overviews, named bands and words about the data; the same arrays give the same bytes; pictures of it
Knows   GDAL's COG driver; nothing of what the bands mean
Start   at `write`

Lost on the way: values are kept in single precision (7 digits).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import shapely.geometry
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

SMALL_BLOCK, BLOCK = 128, 512  # pixels; the small one gives overviews to small areas too
SMALL_GRID = 1024  # sides up to which the small block is taken


@dataclass(frozen=True, eq=False)
class Band:
    """One band: a short name, what it means with its unit, and its values, shape (rows, cols)."""

    name: str
    words: str
    values: NDArray[np.floating[Any]]


def write(
    path: Path,
    bands: Sequence[Band],
    *,
    crs: str,
    west: float,
    north: float,
    cell_m: float,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write bands into a new GeoTIFF; a file of that name is replaced.

    Parameters
    ----------
    path : Path
        The file.
    bands : sequence of Band
        NaN stands where nothing is said, and is declared as the file's nodata value. A pixel of an overview
        is the mean of the cells below it that say something.
    crs, west, north, cell_m
        The CRS, the outer (north-west) corner of cell (0, 0) in it, and the side of a cell, in metres.
    tags : mapping, optional
        Words about the whole file; "TIFFTAG_..." ones reach every TIFF reader.
    """
    import rasterio

    rows, cols = bands[0].values.shape
    profile = {
        "driver": "COG",
        "width": cols,
        "height": rows,
        "count": len(bands),
        "dtype": "float32",
        "nodata": float("nan"),
        "crs": crs,
        "transform": rasterio.Affine(cell_m, 0.0, west, 0.0, -cell_m, north),
        "blocksize": SMALL_BLOCK if max(rows, cols) <= SMALL_GRID else BLOCK,
        "compress": "deflate",
        "predictor": "yes",
        "overview_resampling": "average",
        "bigtiff": "if_safer",
    }
    path.unlink(missing_ok=True)
    with rasterio.open(path, "w", **profile) as file:
        file.update_tags(**dict(tags or {}))
        for number, band in enumerate(bands, start=1):
            file.write(band.values.astype(np.float32), number)
            file.set_band_description(number, band.name)
            file.update_tags(number, meaning=band.words)


def picture(
    path: Path,
    band: str,
    breaks: Sequence[float],
    colours: Sequence[str],
    change: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
) -> tuple[bytes, tuple[float, float, float, float]]:
    """Draw a band as a PNG in Web Mercator, by classes, with its bounds (west, south, east, north) in degrees.

    Parameters
    ----------
    path : Path
        A file that `write` wrote.
    band : str
        The band's short name.
    breaks : sequence of float, n - 1
        Where one class ends and the next begins.
    colours : sequence of str, n
        "#rrggbb" of each class. Where nothing is said, nothing is drawn.
    change : callable, optional
        What is drawn of the values.
    """
    import rasterio
    from rasterio.vrt import WarpedVRT
    from rasterio.warp import transform_bounds

    with rasterio.open(path) as file:
        names = [str(name) for name in file.descriptions]
        with WarpedVRT(file, crs="EPSG:3857") as warped:
            values = warped.read(names.index(band) + 1, out_dtype="float64", masked=True).filled(np.nan)
            bounds = transform_bounds("EPSG:3857", "EPSG:4326", *warped.bounds)
    drawn = values if change is None else change(values)
    rgb = np.array([[int(one[i : i + 2], 16) for i in (1, 3, 5)] for one in colours], dtype=np.uint8)
    said = np.isfinite(drawn)
    classes = np.digitize(np.where(said, drawn, 0.0), breaks)
    pixels = np.concatenate([rgb[classes], np.where(said, 255, 0).astype(np.uint8)[..., None]], axis=2)
    with rasterio.MemoryFile() as memory:
        height, width = drawn.shape
        with memory.open(driver="PNG", width=width, height=height, count=4, dtype="uint8") as out:
            out.write(np.moveaxis(pixels, 2, 0))
        return bytes(memory.read()), bounds


def empty_ground(path: Path, bands: Sequence[str]) -> BaseGeometry:
    """The ground on which all of some bands of a file are 0, as far as they say anything, in longitude and latitude."""
    import rasterio
    from rasterio.features import shapes
    from rasterio.warp import transform_geom

    with rasterio.open(path) as file:
        names = [str(name) for name in file.descriptions]
        values = [file.read(names.index(band) + 1) for band in bands]
        said = np.all([np.isfinite(one) for one in values], axis=0)
        zero = said & np.all([one == 0 for one in values], axis=0)
        found = shapes(zero.astype(np.uint8), mask=zero, transform=file.transform)
        outlines = [transform_geom(file.crs, "EPSG:4326", geometry) for geometry, _ in found]
    drawn = [shapely.geometry.shape(one) for one in outlines]
    return shapely.union_all(drawn) if drawn else shapely.Polygon()
