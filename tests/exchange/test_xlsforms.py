"""The shipped forms: what a surveyor may answer is what a record may hold, and form servers take them as they are."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fadeout.errors import InputRefused
from fadeout.exchange import xlsforms
from fadeout.records.catalogue import EDGES, KINDS, fields_of

XFORMS = "{http://www.w3.org/2002/xforms}"
forms = pytest.mark.parametrize("name", xlsforms.FORMS)


def converted(name: str, tmp_path: Path) -> tuple[ElementTree.Element, list[str]]:
    """The form as a server makes it of the .xlsx, and what it warns of."""
    pytest.importorskip("pyxform", reason="pyxform is not here; ./run extras brings it")
    from pyxform.xls2xform import convert

    path = xlsforms.write_form(name, tmp_path / f"{name}.xlsx")
    result = convert(path, validate=False)
    return ElementTree.fromstring(result.xform), result.warnings


@forms
def test_a_form_server_takes_every_form_without_a_warning(name: str, tmp_path: Path) -> None:
    _, warnings = converted(name, tmp_path)
    assert warnings == []


@forms
def test_every_question_is_a_field_of_the_kind_or_its_place(name: str) -> None:
    form = xlsforms.load(name)
    fields = {about.name for about in fields_of(KINDS[form.kind])}
    asked = {one.name for one in form.questions if one.answers} - set(form.geometries)
    assert asked <= fields
    assert form.geometries


@forms
def test_every_choice_is_one_that_a_record_may_hold(name: str) -> None:
    form = xlsforms.load(name)
    for question in form.questions:
        field = KINDS[form.kind].by_name.get(question.name)
        if question.choices and field is not None and field.choices:
            assert set(question.choices) <= set(field.choices), question.name
    assert [one.name for one in form.questions if one.type.startswith("select") and not one.choices] == []


def test_the_edges_of_a_hazardous_area_are_those_of_the_catalogue() -> None:
    edges = xlsforms.load("hazardous_area").question("edges")
    assert edges is not None
    assert tuple(edges.choices) == EDGES


def test_the_methods_are_those_of_the_default_profile() -> None:
    text = files("fadeout.records").joinpath("profiles/default.toml").read_text(encoding="utf-8")
    method = xlsforms.load("searched").question("method")
    assert method is not None
    assert set(method.choices) == set(tomllib.loads(text)["methods"])


@forms
def test_no_day_may_lie_in_the_future(name: str, tmp_path: Path) -> None:
    xform, _ = converted(name, tmp_path)
    days = [one.attrib for one in xform.iter(f"{XFORMS}bind") if one.attrib.get("type") == "date"]
    assert [(one["constraint"], one["required"]) for one in days] == [(". <= today()", "true()")]


@pytest.mark.parametrize(
    ("name", "question", "wanted"),
    [
        ("evidence", "count", {"type": "int", "constraint": ". >= 1 and . <= 1000000", "required": "true()"}),
        ("evidence", "place", {"type": "geopoint", "required": "true()"}),
        ("evidence", "photo", {"type": "binary", "{http://openrosa.org/xforms}max-pixels": "1600"}),
        ("searched", "ground", {"type": "geoshape"}),
        ("searched", "track", {"type": "geotrace", "relevant": " /data/ground  = ''", "required": "true()"}),
        ("searched", "share_searched", {"relevant": " /data/outcome  = 'partial'", "type": "decimal"}),
        ("hazardous_area", "perimeter", {"type": "geoshape", "required": "true()"}),
        ("hazardous_area", "stands_on", {"relevant": " /data/state  = 'confirmed'", "required": "true()"}),
        ("accident", "killed", {"type": "int", "constraint": ". >= 0 and . <= 10000", "required": "true()"}),
    ],
)
def test_the_form_holds_what_it_must_ask(
    name: str, question: str, wanted: dict[str, str], tmp_path: Path
) -> None:
    xform, _ = converted(name, tmp_path)
    binds = {one.attrib["nodeset"]: one.attrib for one in xform.iter(f"{XFORMS}bind")}
    held = binds[f"/data/{question}"]
    assert {key: held.get(key) for key in wanted} == wanted


@forms
def test_a_submission_says_its_kind_and_when_the_device_had_it(name: str, tmp_path: Path) -> None:
    xform, _ = converted(name, tmp_path)
    binds = {one.attrib["nodeset"]: one.attrib for one in xform.iter(f"{XFORMS}bind")}
    assert binds["/data/record_kind"]["calculate"] == f"'{xlsforms.load(name).kind}'"
    preloads = {
        binds[f"/data/{one}"]["{http://openrosa.org/javarosa}preloadParams"] for one in ("start", "end")
    }
    assert preloads == {"start", "end"}


@forms
def test_no_form_takes_a_device_a_number_or_a_person(name: str, tmp_path: Path) -> None:
    xform, _ = converted(name, tmp_path)
    preloads = {
        one.attrib.get("{http://openrosa.org/javarosa}preload") for one in xform.iter(f"{XFORMS}bind")
    }
    assert preloads <= {None, "timestamp", "uid"}  # "property" would be a device id, a number or a user
    asked = {one.name for one in xlsforms.load(name).questions}
    assert not asked & {
        "phone",
        "email",
        "contact",
        "person",
        "informant",
        "deviceid",
        "username",
        "phonenumber",
    }


def test_the_accident_form_asks_of_people_only_how_many() -> None:
    form = xlsforms.load("accident")
    personal = {field.name for field in KINDS["victim"].fields}
    assert not {one.name for one in form.questions} & (personal - {"accident_id", "outcome"} | {"photo"})
    assert "nobody's name" in form.questions[0].words["label"]["en"]


@forms
def test_every_word_stands_in_every_language_and_the_draft_says_so(name: str) -> None:
    form = xlsforms.load(name)
    for question in form.questions:
        for words in (*question.words.values(), *question.choices.values()):
            assert set(words) == set(xlsforms.LANGUAGES), question.name
    note = form.questions[0].words["label"]
    assert note["fr"].startswith("[Traduction provisoire")


@forms
def test_no_form_calls_land_safe(name: str) -> None:
    form = xlsforms.load(name)
    words = [
        w for q in form.questions for by in (*q.words.values(), *q.choices.values()) for w in by.values()
    ]
    assert not [one for one in words if re.search(r"\bsafe|\bsûr\b|\bsûre\b", one, re.I)]


def test_one_command_writes_them_all(tmp_path: Path) -> None:
    paths = xlsforms.write_all(tmp_path / "forms")
    assert [path.name for path in paths] == [f"fadeout_{name}.xlsx" for name in xlsforms.FORMS]
    assert all(path.stat().st_size > 0 for path in paths)


def test_an_unknown_form_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"forms\.unknown-form.*evidence"):
        xlsforms.write_form("victim", tmp_path / "victim.xlsx")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputRefused, match=r"forms\.unwritable"):
        xlsforms.write_all(tmp_path / "file" / "forms")
