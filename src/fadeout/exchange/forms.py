"""Submissions of field forms, as KoboToolbox and ODK Central export them or answer over their interfaces.

Reads   CSV (Kobo with ; or , and "group/name"; ODK Central with "group-name"), JSON of both servers
Gives   `RawLayer`s by our names, with geometry, accuracy, device time and submission time
Knows   how each server writes groups, places, several choices and repeated groups; meanings are `form_answers`'
Start   at `read`; `from_json` for answers that never were a file

Shapes of the answers:
Kobo JSON     https://support.kobotoolbox.org/api.html, columns https://support.kobotoolbox.org/export_download.html
ODK JSON      https://docs.getodk.org/central-api-odata-endpoints/#data-document
ODK CSV       https://docs.getodk.org/central-submissions/ ("group-name", a geopoint as four columns)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import tables, xlsforms
from fadeout.exchange.form_answers import Submission, layers_of
from fadeout.exchange.layers import RawLayer, key, plain

KOBO_COLUMNS = {"_uuid", "_submission_time"}
ODK_COLUMNS = ({"KEY", "SubmissionDate"}, {"KEY", "PARENT_KEY"})
# Four columns of a geopoint: ODK "place-Latitude" …, Kobo "_place_latitude" … (formpack, FormGPSField.get_labels).
ODK_PART = re.compile(r"(.+)-(Latitude|Longitude|Altitude|Accuracy)")
KOBO_PART = re.compile(r"((?:.*/)?)_(.+)_(latitude|longitude|altitude|precision)")
PARTS = {"latitude": 0, "longitude": 1, "altitude": 2, "accuracy": 3, "precision": 3}
SERVER_LISTS = ("_attachments", "_notes", "_tags", "_geolocation", "_supplementalDetails")
YES, NO = ("1", "true", "yes"), ("0", "false", "no", "")
ANSWER = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"(?:count|next|previous|results|value|@odata\.[a-zA-Z]+)"')
HEAD = 4096  # bytes that tell what a JSON file is
DEEPEST = 20  # groups within groups


def is_submissions(layer: RawLayer) -> bool:
    """Whether a table is an export of a form server, by the columns that every such export has."""
    names = set(layer.columns)
    return names >= KOBO_COLUMNS or any(names >= odk for odk in ODK_COLUMNS)


def recognised(layer: RawLayer) -> tuple[RawLayer, ...]:
    """What a table becomes that a form server exported; any other stays as it is."""
    return from_table(layer) if is_submissions(layer) else (layer,)


def is_answer(path: Path) -> bool:
    """Whether a JSON file begins as an answer of a form server does, and not as GeoJSON."""
    with path.open("rb") as stream:
        return ANSWER.match(stream.read(HEAD)) is not None


def read(path: Path, role: str = "") -> tuple[RawLayer, ...]:
    """Read an export of submissions, CSV or JSON; `role` is the kind of record where the submissions do not say.

    Raises
    ------
    InputRefused
        If it is no such export, or any submission in it cannot be read: all faults at once.
    """
    try:
        if path.suffix.lower() != ".json":
            return tuple(one for layer in tables.chunks(path) for one in from_table(layer, role))
        return from_json(parse(path.read_bytes(), path.name), path.name, role)
    except OSError as error:
        message = f"the file cannot be opened: {error.strerror or error}"
        raise InputRefused(
            [Problem("file.unreadable", message, "check who may read it", path.name)]
        ) from error


def parse(text: bytes, file: str) -> object:
    """Read JSON.

    Raises
    ------
    InputRefused
        If it is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        message = "this is not JSON, or it ends too early"
        raise InputRefused([Problem("forms.not-json", message, "export or fetch it again", file)]) from error


def rows_of(payload: object, file: str) -> list[dict[str, object]]:
    """Give the submissions of one answer: `results` of Kobo, `value` of ODK, or a bare list of them.

    Raises
    ------
    InputRefused
        If it holds no list of submissions.
    """
    rows = payload
    if isinstance(payload, dict):
        rows = payload.get("results", payload.get("value"))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        message = "the answer holds no list of submissions (results, or value)"
        remedy = "export the data of the form, not its definition"
        raise InputRefused([Problem("forms.not-submissions", message, remedy, file)])
    return rows


def from_json(payload: object, file: str, role: str = "") -> tuple[RawLayer, ...]:
    """Give the layers of an answer of Kobo (/api/v2/assets/…/data.json) or ODK Central (….svc/Submissions).

    Raises
    ------
    InputRefused
        If it is no such answer, or any submission in it cannot be read: all faults at once.

    Examples
    --------
    >>> answer = {"results": [{"_uuid": "a1", "record_kind": "evidence", "place": "16.8 107.1 0 4.5", "count": "2"}]}
    >>> (layer,) = from_json(answer, "data.json")
    >>> layer.role, layer.columns["id"], layer.columns["position_error_m"], layer.geometries[0].wkt
    ('evidence', ('uuid:a1',), (4.5,), 'POINT (107.1 16.8)')
    """
    rows = rows_of(payload, file)
    submissions = [Submission(n, _flat(row)) for n, row in enumerate(rows, 1)]
    return layers_of(submissions, file, file.rsplit(".", 1)[0], role)


def from_table(layer: RawLayer, role: str = "") -> tuple[RawLayer, ...]:
    """Give the layers of a table that a form server exported.

    Raises
    ------
    InputRefused
        If it is no such table, or any row in it cannot be read: all faults at once.
    """
    if not is_submissions(layer):
        found = ", ".join(layer.columns) or "none"
        message = f"this is no export of a form server; the columns are {found}"
        remedy = "export with the columns _uuid and _submission_time (Kobo), or KEY and SubmissionDate (ODK)"
        raise InputRefused([Problem("forms.not-submissions", message, remedy, layer.file)])
    columns = _columns(layer)
    submissions = [
        Submission(row, {path: values[i] for path, values in columns.items()})
        for i, row in enumerate(layer.rows)
    ]
    name = layer.name if layer.name != "Submissions" else layer.file.rsplit(".", 1)[0]
    found_layers = layers_of(submissions, layer.file, name, role, layer.decimal_comma)
    if "PARENT_KEY" in layer.columns:
        note = f"{layer.file}: a repeated group by itself; the answers of the form around it stand in another file"
        found_layers = tuple(replace(one, notes=(*one.notes, note)) for one in found_layers)
    return found_layers


def _flat(row: Mapping[str, object], prefix: str = "", depth: int = 0) -> dict[str, object]:
    """Answers by path: ODK nests groups, Kobo writes them into the name; a repeated group stays a list."""
    flat: dict[str, object] = {}
    for name, value in row.items():
        path = f"{prefix}{name}"
        if name in SERVER_LISTS:
            continue
        if isinstance(value, dict) and not _is_geojson(value):
            if depth < DEEPEST:
                flat |= (
                    _flat(value, f"{path}/", depth + 1) if name != "_validation_status" else _status(value)
                )
        elif isinstance(value, list):
            inside = value if depth < DEEPEST else []
            entries = [_flat(one, f"{path}/", depth + 1) for one in inside if isinstance(one, dict)]
            flat[path] = entries or " ".join(str(one) for one in value) or None
        else:
            flat[path] = value if _is_geojson(value) else plain(value)
    return flat


def _is_geojson(value: object) -> bool:
    return isinstance(value, dict) and "coordinates" in value and "type" in value


def _status(value: Mapping[str, object]) -> dict[str, object]:
    return {"_validation_status": value.get("uid")}


def _columns(layer: RawLayer) -> dict[str, Sequence[object]]:
    """Answers by path, column by column: groups, places in four columns, choices in a column each."""
    odk = "_uuid" not in layer.columns
    columns: dict[str, Sequence[object]] = {}
    parts: dict[str, dict[int, Sequence[object]]] = {}
    for name, values in layer.columns.items():
        part = (ODK_PART if odk else KOBO_PART).fullmatch(name)
        if part is not None:
            path = part.group(1) if odk else part.group(1) + part.group(2)
            parts.setdefault(_path(path, odk), {})[PARTS[part.groups()[-1].lower()]] = values
        else:
            columns[_path(name, odk)] = values
    for path, four in parts.items():
        if 0 in four and 1 in four and path not in columns:
            columns[path] = [_point(texts) for texts in zip(*_four(four, len(layer)), strict=True)]
    return _joined_choices(columns)


def _path(name: str, odk: bool) -> str:
    """ODK parts groups with -, which no name of ours holds; its own columns stay as they are."""
    return name.replace("-", "/") if odk else name


def _four(four: Mapping[int, Sequence[object]], length: int) -> list[Sequence[object]]:
    return [four.get(i, (None,) * length) for i in range(4)]


def _point(texts: Iterable[object]) -> str | None:
    lat, lon, height, accuracy = texts
    if plain(lat) is None and plain(lon) is None:
        return None
    return f"{lat} {lon} {height or 0} {accuracy or 0}"


def _joined_choices(columns: dict[str, Sequence[object]]) -> dict[str, Sequence[object]]:
    """Several choices in a column each ("edges/open": 1) become one answer; they go before one that holds them all."""
    split: dict[str, dict[str, Sequence[object]]] = {}
    for path, values in columns.items():
        parent, _, choice = path.rpartition("/")
        if parent and not parent.startswith(("_", "meta", "formhub")) and _are_ticks(values):
            split.setdefault(parent, {})[choice] = values
    joined = dict(columns)
    for parent, ticks in split.items():
        if parent not in columns and not _is_choice_question(parent):
            continue
        for choice in ticks:
            del joined[f"{parent}/{choice}"]
        rows = zip(*ticks.values(), strict=True)
        chosen = [
            "; ".join(choice for choice, tick in zip(ticks, row, strict=True) if _ticked(tick))
            for row in rows
        ]
        told = columns.get(
            parent, (None,) * len(chosen)
        )  # labels that stand in one cell cannot be told apart
        joined[parent] = [one or other for one, other in zip(chosen, told, strict=True)]
    return joined


def _are_ticks(values: Sequence[object]) -> bool:
    return all(str(plain(value) if plain(value) is not None else "").lower() in YES + NO for value in values)


def _ticked(value: object) -> bool:
    return str(plain(value)).lower() in YES


def _is_choice_question(path: str) -> bool:
    """Whether a shipped form lets choose several things under that name or label."""
    word = key(path.rsplit("/", 1)[-1])
    questions = (one for name in xlsforms.FORMS for one in xlsforms.load(name).questions)
    several = [one for one in questions if one.type == "select_multiple"]
    return any(word in {one.name, *map(key, one.words["label"].values())} for one in several)
