"""Submissions as the servers give them, made of records: what tests of reading take apart again.

Shapes: KoboToolbox data.json (https://support.kobotoolbox.org/api.html), its CSV as kobotoolbox/formpack writes it; ODK
Central OData (https://docs.getodk.org/central-api-odata-endpoints/#data-document) and CSV (getodk/central-backend,
lib/data/briefcase.js).
"""

from __future__ import annotations

import csv
import io
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.exchange import xlsforms
from fadeout.exchange.form_places import device_text
from fadeout.records.record import Record

SENT, DEVICE = "2026-11-25T08:00:00", "2026-11-25T14:00:00.000+07:00"  # server in UTC; device at UTC+7


def place_question(kind: str, shape: BaseGeometry) -> str:
    """The question of the shipped form that asks for a place of that shape."""
    wanted = {"Point": "geopoint", "LineString": "geotrace", "Polygon": "geoshape"}[shape.geom_type]
    form = xlsforms.load(kind)
    return next(one.name for one in form.questions if one.type == wanted)


def answers(record: Record, accuracy_m: float = 0.0) -> dict[str, str]:
    """What somebody answers so that the record comes of it, as the device writes it."""
    given = {name: str(value) for name, value in record.values.items()}
    given["record_kind"] = record.kind
    if record.id:
        given["id"] = record.id
    if record.shape is not None:
        given[place_question(record.kind, record.shape)] = device_text(record.shape, accuracy_m)
    return given


def several(kind: str, given: dict[str, str]) -> dict[str, str]:
    """Several choices as devices write them: with a space between."""
    many = [one.name for one in xlsforms.load(kind).questions if one.type == "select_multiple"]
    return {name: value.replace("; ", " ") if name in many else value for name, value in given.items()}


def kobo(record: Record, uuid: str, accuracy_m: float = 0.0, group: str = "") -> dict[str, Any]:
    """One of the `results` of Kobo: groups stand in the names, every answer is a text."""
    given = several(record.kind, answers(record, accuracy_m))
    prefix = f"{group}/" if group else ""
    return {
        "_id": 7,
        "formhub/uuid": "f0",
        "start": DEVICE,
        "end": DEVICE,
        **{prefix + name: value for name, value in given.items()},
        "__version__": "v1",
        "meta/instanceID": f"uuid:{uuid}",
        "_xform_id_string": "aForm",
        "_uuid": uuid,
        "_attachments": [],
        "_status": "submitted_via_web",
        "_geolocation": [None, None],
        "_submission_time": SENT,
        "_tags": [],
        "_notes": [],
        "_validation_status": {},
        "_submitted_by": "surveyor",
    }


def kobo_csv(
    rows: list[dict[str, Any]], delimiter: str = ";", renamed: dict[str, str] | None = None, split: str = ""
) -> str:
    """Kobo's CSV of such results: a geopoint with four more columns, `split` as a column a choice."""
    table = [{name: value for name, value in row.items() if _in_csv(name, value)} for row in rows]
    for row in table:
        for name in [name for name in row if name.rsplit("/", 1)[-1] == "place"]:
            head, _, leaf = name.rpartition("/")
            lat, lon, height, accuracy = row[name].split()
            for part, value in (
                ("latitude", lat),
                ("longitude", lon),
                ("altitude", height),
                ("precision", accuracy),
            ):
                row[f"{head}/" * bool(head) + f"_{leaf}_{part}"] = value
        for name in [name for name in row if split and name.rsplit("/", 1)[-1] == split]:
            chosen = row[name].split()
            for choice in xlsforms.load("hazardous_area").question(split).choices:  # type: ignore[union-attr]
                row[f"{name}/{choice}"] = "1" if choice in chosen else "0"
    return _csv(
        [{(renamed or {}).get(name, name): value for name, value in row.items()} for row in table], delimiter
    )


def _in_csv(name: str, value: object) -> bool:
    return name not in (
        "_attachments",
        "_geolocation",
        "formhub/uuid",
        "_xform_id_string",
    ) and not isinstance(value, dict | list)


def odk(
    record: Record, uuid: str, accuracy_m: float = 0.0, group: str = "", wkt: bool = False
) -> dict[str, Any]:
    """One of the `value`s of ODK Central: groups are nested, places GeoJSON or WKT, numbers are numbers."""
    given: dict[str, Any] = several(record.kind, answers(record))
    form = xlsforms.load(record.kind)
    for question in form.questions:
        if question.type in ("integer", "decimal") and question.name in given:
            given[question.name] = float(given[question.name])
            if question.type == "integer":
                given[question.name] = int(given[question.name])
    for name in form.geometries:
        given[name] = None
    if record.shape is not None:
        given[place_question(record.kind, record.shape)] = (
            record.shape.wkt if wkt else _geojson(record.shape, accuracy_m)
        )
    return {
        "__id": f"uuid:{uuid}",
        "__system": {
            "submissionDate": SENT + ".250Z",
            "updatedAt": None,
            "submitterId": "23",
            "submitterName": "team 1",
            "attachmentsPresent": 0,
            "attachmentsExpected": 0,
            "status": None,
            "reviewState": None,
            "deviceId": None,
            "edits": 0,
            "formVersion": "1",
        },
        "start": DEVICE,
        "end": DEVICE,
        **({group: given} if group else given),
        "meta": {"instanceID": f"uuid:{uuid}-edited", "instanceName": None},
    }


def _geojson(shape: BaseGeometry, accuracy_m: float) -> dict[str, Any]:
    answer: dict[str, Any] = dict(shapely.geometry.mapping(shape))
    n = len(shapely.get_coordinates(shape))
    if accuracy_m and n == 1:
        answer["properties"] = {"accuracy": accuracy_m}
    elif accuracy_m:
        answer["properties"] = {"accuracies": [accuracy_m] + [None] * (n - 1)}
    return answer


def odk_csv(record: Record, uuid: str, accuracy_m: float = 0.0, group: str = "") -> str:
    """ODK Central's CSV: groups with -, a geopoint as four columns, the server's own columns around."""
    prefix = f"{group}-" if group else ""
    row: dict[str, Any] = {"SubmissionDate": SENT + ".250Z", "start": DEVICE, "end": DEVICE}
    for name, value in several(record.kind, answers(record, accuracy_m)).items():
        if name == "place":
            parts = zip(("Latitude", "Longitude", "Altitude", "Accuracy"), value.split(), strict=True)
            row |= {f"{prefix}{name}-{part}": number for part, number in parts}
        else:
            row[prefix + name] = value
    row |= {f"{prefix}before": "", "meta-instanceID": f"uuid:{uuid}-edited", "KEY": f"uuid:{uuid}"}
    row |= {"SubmitterID": 23, "SubmitterName": "team 1", "AttachmentsPresent": 0, "AttachmentsExpected": 0}
    row |= {"Status": "", "ReviewState": "", "DeviceID": "", "Edits": 0, "FormVersion": "1"}
    return _csv([row], ",")


def _csv(rows: list[dict[str, Any]], delimiter: str) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, delimiter=delimiter, restval="", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
