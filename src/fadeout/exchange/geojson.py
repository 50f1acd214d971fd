"""GeoJSON (RFC 7946): one layer, written feature by feature.

Reads   an `Outgoing` and the facts of the file
Gives   one .geojson: WGS 84, right-handed rings, the facts as foreign members before the features
Knows   nothing of what a layer means
Start   at `write`
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shapely.geometry import mapping

from fadeout.exchange.losses import Lost
from fadeout.exchange.outgoing import Outgoing, column, shapes_of, turned


def write(path: Path, layers: Sequence[Outgoing], about: Mapping[str, str], lost: Lost) -> None:
    """Write the one layer; a list of ids is a text, "A; B", as tables and map programs show it."""
    (layer,) = layers
    head = {"type": "FeatureCollection", "name": layer.name, "title": layer.title, "about": dict(about)}
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(_json(head)[:-1] + ',"features":[')
        between = "\n"
        for records in layer.pieces():
            columns = [column(records, name, type, lost) for name, type in layer.fields]
            names = [name for name, _ in layer.fields]
            for shape, values in zip(
                turned(shapes_of(records, lost), lost), zip(*columns, strict=True), strict=True
            ):
                feature = {
                    "type": "Feature",
                    "geometry": None if shape is None else mapping(shape),
                    "properties": dict(zip(names, values, strict=True)),
                }
                stream.write(between + _json(feature))
                between = ",\n"
        stream.write("\n]}\n")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
