"""The Article 7 draft says what the records say, finds what does not agree, and gives nobody away."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from shapely import Point, box

from fadeout.errors import InputRefused
from fadeout.jobs import article7 as job
from fadeout.jobs import extension_request, land_release
from fadeout.jobs.storing import Request, take_in
from fadeout.records import access_log
from fadeout.records.access import Viewer
from fadeout.records.record import Record
from fadeout.records.store import Store, create_store
from fadeout.treaty.article7 import Report
from fadeout.treaty.article7_found import LINES

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
MAPS = Path(__file__).resolve().parents[2] / "docs/how-to/maps"
AREA = box(107.0, 16.0, 107.01, 16.01)
HALF = box(107.0, 16.0, 107.005, 16.01)
OTHER = box(107.02, 16.0, 107.03, 16.01)


def record(kind: str, id: str, shape: Any = None, **values: Any) -> Record:
    return Record(kind, id, values, shape)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = create_store(tmp_path / "north.gpkg", lambda: datetime(2026, 1, 5, tzinfo=UTC))
    put(
        made,
        record("programme", "P", name="Northern survey", country="LAO"),
        record(
            "hazardous_area", "CHA-1", AREA, state="confirmed", opened_on="2024-03-01", contamination="BLU-26"
        ),
        record("hazardous_area", "SHA-2", OTHER, state="suspected", opened_on="2025-06-01"),
        record("release", "R-1", HALF, action="cleared", hazard_id="CHA-1", released_on="2025-08-01"),
        record(
            "item_destroyed",
            "ID-1",
            Point(107.001, 16.001),
            munition="BLU-26",
            count=3,
            destroyed_on="2025-08-01",
        ),
        record("item_destroyed", "ID-2", count=2, destroyed_on="2025-08-02"),
        record("item_destroyed", "ID-3", munition="BLU-26", destroyed_on="2024-08-02"),
        record(
            "eore_session", "RE-1", held_on="2025-02-01", place_name="Ban A", language="lo", women=12, girls=9
        ),
        record("eore_session", "RE-2", held_on="2025-03-01", place_name="Ban A", language="lo", men=7),
    )
    return made


def put(store: Store, *records: Record) -> None:
    with store.change(who="a", why="b") as change:
        change.put(records)


def draft(store: Store, folder: Path, year: int = 2025, **more: Any) -> Report:
    return job.draft(store, job.Request(year, folder, "A. Officer", **more), now=NOW)


def table(report: Report, form: str, n: int = 0) -> list[tuple[Any, ...]]:
    (part,) = (one for one in report.document.sections if one.key == form)
    return list(part.tables[n].rows)


def failed(report: Report) -> list[str]:
    return [why for one in report.checks for why in one.why]


def test_the_area_form_holds_the_ledger_to_the_square_metre(store: Store, tmp_path: Path) -> None:
    report = draft(store, tmp_path / "out")
    total = land_release.ledger(store, date(2025, 1, 1), date(2025, 12, 31), "a").total
    assert [m2 for _, m2 in table(report, "F")] == [getattr(total, name) for name in LINES]
    assert total.cleared > 0
    assert total.found > 0
    assert report.passed
    assert report.kept["figures"]["closing"] == total.closing


def test_every_figure_names_the_records_behind_it(store: Store, tmp_path: Path) -> None:
    report = draft(store, tmp_path / "out")
    (form,) = (one for one in report.document.sections if one.key == "F")
    behind = dict(zip(LINES, form.tables[0].records, strict=True))
    assert behind["opening"] == ("CHA-1",)
    assert behind["found"] == ("SHA-2",)
    assert behind["cleared"] == ("CHA-1", "R-1")
    assert form.tables[3].rows == (("BLU-26", 3), ("unknown", 2), ("Total", 5))
    assert form.tables[3].records == (("ID-1",), ("ID-2",))


def test_places_are_told_to_a_tenth_of_a_degree_only(store: Store, tmp_path: Path) -> None:
    draft(store, tmp_path / "out")
    text = (tmp_path / "out/article7.json").read_text(encoding="utf-8")
    assert "16.0° N, 107.0° E" in text
    assert "107.00" not in text
    assert "16.00" not in text


def test_risk_education_is_told_by_place_and_language(store: Store, tmp_path: Path) -> None:
    assert table(draft(store, tmp_path / "out"), "G") == [("Ban A", "lo", 2, 12, 7, 9, 0, 0)]


def test_contamination_without_risk_education_is_reported(store: Store, tmp_path: Path) -> None:
    report = draft(store, tmp_path / "out", year=2024)
    assert not report.passed
    assert any("no risk-education session is recorded" in why for why in failed(report))


def test_what_was_open_last_year_must_be_open_now(store: Store, tmp_path: Path) -> None:
    draft(store, tmp_path / "2024", year=2024)
    assert draft(store, tmp_path / "2025", last_year=tmp_path / "2024").passed
    planted = json.loads((tmp_path / "2024/article7.json").read_text(encoding="utf-8"))
    planted["figures"]["closing"] += 1
    (tmp_path / "planted.json").write_text(json.dumps(planted), encoding="utf-8")
    report = draft(store, tmp_path / "again", last_year=tmp_path / "planted.json")
    assert not report.passed
    assert failed(report) == [
        f"{planted['figures']['closing']} m² then, {planted['figures']['closing'] - 1} m² now"
    ]


def test_a_figure_that_the_state_gives_otherwise_is_reported(store: Store, tmp_path: Path) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text('[F]\nrows = [{ line = "cleared", m2 = 12 }]\n', encoding="utf-8")
    report = draft(store, tmp_path / "out", answers=answers)
    assert not report.passed
    assert "Cleared: 12 m² given" in failed(report)[0]


def test_forms_say_whether_they_changed(store: Store, tmp_path: Path) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text('[A]\ntext = "Law 12 of 2012."\n[E]\nnot_applicable = true\n', encoding="utf-8")
    draft(store, tmp_path / "2023", year=2023, answers=answers)
    draft(store, tmp_path / "2024", year=2024, answers=answers, last_year=tmp_path / "2023")
    answers.write_text(
        '[A]\ntext = "Law 12 of 2012."\n[B]\ntext = "No stockpile."\n[E]\nnot_applicable = true\n'
    )
    report = draft(store, tmp_path / "2025", answers=answers, last_year=tmp_path / "2024")
    status = {one.key: one.status for one in report.document.sections}
    assert status["A"] == "Unchanged since 2023."
    assert status["B"] == "Changed since 2024."
    assert status["E"] == "Not applicable, by the answers given."
    french = draft(store, tmp_path / "fr", answers=answers, last_year=tmp_path / "2024", lang="fr")
    assert {one.key: one.status for one in french.document.sections}["A"] == "Inchangé depuis 2023."


def test_what_the_records_do_not_hold_is_a_question_until_it_is_answered(
    store: Store, tmp_path: Path
) -> None:
    gaps = {one.key: one.gaps for one in draft(store, tmp_path / "out").document.sections}
    assert all(gaps[key] for key in "ABCDEFGHIJ")
    answers = tmp_path / "answers.toml"
    answers.write_text(
        '[A]\nrows = [{ measure = "Law 12", dated = "2012" }]\n[C]\nfiling = "page of the State"\n'
    )
    report = draft(store, tmp_path / "out", answers=answers)
    gaps = {one.key: one.gaps for one in report.document.sections}
    assert not gaps["A"]
    assert not gaps["C"]
    assert table(report, "A") == [("Law 12", "2012", "")]


def test_technical_characteristics_are_never_written_here(store: Store, tmp_path: Path) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text('[C]\nrows = [{ type = "x" }]\n', encoding="utf-8")
    with pytest.raises(InputRefused, match="form C takes no rows"):
        draft(store, tmp_path / "out", answers=answers)
    (form,) = (one for one in draft(store, tmp_path / "out").document.sections if one.key == "C")
    assert form.tables == ()


def test_an_attachment_is_told_by_its_digest_and_who_may_see_it(store: Store, tmp_path: Path) -> None:
    put(
        store,
        record("document", "D-1", title="Filing", file="filing.pdf", sha256="ab" * 32, sensitivity="exact"),
    )
    answers = tmp_path / "answers.toml"
    answers.write_text('[C]\nfiling = "document:D-1"\n', encoding="utf-8")
    (form,) = (
        one for one in draft(store, tmp_path / "out", answers=answers).document.sections if one.key == "C"
    )
    assert f"filing.pdf, SHA-256 {'ab' * 32} (exact)" in form.paragraphs[-1]
    answers.write_text('[C]\nfiling = "document:D-9"\n', encoding="utf-8")
    with pytest.raises(InputRefused, match="no document 'D-9'"):
        draft(store, tmp_path / "other", answers=answers)


# --- persons ----------------------------------------------------------------------------------------------------------


def hurt(store: Store, *people: tuple[str, str, int]) -> None:
    records = [record("accident", "A-1", happened_on="2025-05-01", injured=99)]
    for sex, age, number in people:
        records += [
            record("victim", f"V-{sex}-{age}-{n}", accident_id="A-1", sex=sex, age_group=age)
            for n in range(number)
        ]
    put(store, *records)


def test_a_year_with_few_people_hurt_prints_no_number(store: Store, tmp_path: Path) -> None:
    hurt(store, ("male", "18_59", 3))
    report = draft(store, tmp_path / "out")
    (form,) = (one for one in report.document.sections if one.key == "H")
    assert form.tables == ()
    assert "fewer than 5" in " ".join(form.paragraphs)


def test_small_numbers_of_people_and_what_would_give_them_away_are_withheld(
    store: Store, tmp_path: Path
) -> None:
    hurt(store, ("male", "18_59", 20), ("male", "5_11", 2), ("female", "18_59", 9), ("female", "5_11", 30))
    report = draft(store, tmp_path / "out")
    rows = table(report, "H")
    assert report.passed
    numbers = {row[:2]: row[2] for row in rows}
    assert numbers["male", "5_11"] is None
    assert sum(number is None for number in numbers.values()) >= 4  # one alone could be worked out
    assert all(number is None or number >= 5 for number in numbers.values())


def test_no_id_of_a_person_stands_anywhere_and_the_reading_is_logged(store: Store, tmp_path: Path) -> None:
    hurt(store, ("male", "18_59", 20))
    draft(store, tmp_path / "out")
    for path in (tmp_path / "out").iterdir():
        data = path.read_bytes()
        if path.suffix in (".docx", ".xlsx"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                data = b"".join(archive.read(name) for name in archive.namelist())
        assert b"V-male" not in data
    with store.connected() as connection:
        lines = access_log.lines(connection, "victim", None, 5)
    assert any(line.purpose == "Article 7 report on 2025" for line in lines)


def test_people_hurt_who_are_not_recorded_are_asked_for(store: Store, tmp_path: Path) -> None:
    hurt(store)
    (form,) = (one for one in draft(store, tmp_path / "out").document.sections if one.key == "H")
    assert any("not recorded as persons" in gap for gap in form.gaps)


# --- files ------------------------------------------------------------------------------------------------------------


def test_the_same_draft_has_the_same_bytes_and_takes_the_place_of_the_earlier_one(
    store: Store, tmp_path: Path
) -> None:
    draft(store, tmp_path / "out")
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    draft(store, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == first
    assert set(first) == {"article7.docx", "article7.xlsx", "article7.pdf", "article7.json", "timings.json"}


def test_the_workbook_names_every_record_behind_every_row(store: Store, tmp_path: Path) -> None:
    from openpyxl import load_workbook

    draft(store, tmp_path / "out")
    book = load_workbook(tmp_path / "out/article7.xlsx")
    assert book.sheetnames[0] == "about"
    named = {row[3].value for row in book["records"].iter_rows(min_row=2)}
    assert {"CHA-1", "SHA-2", "R-1", "ID-1", "ID-2", "RE-1", "RE-2"} <= named
    assert "DRAFT" in [row[0].value for row in book["about"].iter_rows()]


def test_stamps_of_records_stand_on_the_draft(store: Store, tmp_path: Path) -> None:
    put(
        store,
        record(
            "hazardous_area", "SHA-9", OTHER, state="suspected", opened_on="2025-06-01", stamp="SIMULATED"
        ),
    )
    report = draft(store, tmp_path / "out")
    assert report.document.stamps == ("DRAFT", "SIMULATED")
    assert any("must not be filed" in note for note in report.document.notes)


def test_a_translation_that_nobody_reviewed_says_so(store: Store, tmp_path: Path) -> None:
    report = draft(store, tmp_path / "out", lang="fr")
    assert report.document.lang == "fr"
    assert any("non relue" in note for note in report.document.notes)


def test_the_draft_opens_in_libreoffice_and_becomes_pages(store: Store, tmp_path: Path) -> None:
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("LibreOffice is not installed: apt-get install libreoffice-writer")
    draft(store, tmp_path / "out")
    command = [
        office,
        f"-env:UserInstallation=file://{tmp_path}/profile",
        "--headless",
        "--convert-to",
        "pdf",
    ]
    made = subprocess.run(
        [*command, "--outdir", str(tmp_path), str(tmp_path / "out/article7.docx")],
        capture_output=True,
        check=False,
    )
    assert made.returncode == 0
    assert (tmp_path / "article7.pdf").read_bytes().startswith(b"%PDF")


# --- refused ----------------------------------------------------------------------------------------------------------


def test_a_year_that_is_not_over_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="2026 is not over"):
        draft(store, tmp_path / "out", year=2026)
    assert not (tmp_path / "out").exists()


def test_a_store_that_names_no_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="of which State"):
        draft(create_store(tmp_path / "empty.gpkg"), tmp_path / "out")


def test_a_store_without_areas_gives_a_draft_that_asks_for_them(tmp_path: Path) -> None:
    report = draft(create_store(tmp_path / "empty.gpkg"), tmp_path / "out", state="LAO")
    (form,) = (one for one in report.document.sections if one.key == "F")
    assert "No hazardous area is recorded" in form.gaps[0]
    assert report.document.title.endswith("Lao People's Democratic Republic")


BAD_ANSWERS = (
    ("[A", "not TOML"),
    ("[Z]\ntext = 'x'", "no form 'Z'"),
    ("A = 3", "form A is no table"),
    ("[A]\nwords = 'x'", "no 'words'"),
    ("[A]\ntext = 3", "text is 3"),
    ("[A]\nrows = 3", "rows are no list"),
    ("[A]\nrows = [{ law = 'x' }]", "law is no column"),
    ("[B]\nrows = [{ type = 'x', quantity = -1 }]", "quantity is -1"),
    ("[B]\nrows = [{ type = 7 }]", "type is 7"),
    ("[F]\nrows = [{ line = 'lost', m2 = 3 }]", "line is 'lost'"),
    ("[F]\nrows = [{ line = 'found' }]", "lacks line or m2"),
    ("[E]\nnot_applicable = 'yes'", "not_applicable is 'yes'"),
)


@pytest.mark.parametrize(("text", "words"), BAD_ANSWERS)
def test_answers_that_cannot_be_are_refused(store: Store, tmp_path: Path, text: str, words: str) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text(text, encoding="utf-8")
    with pytest.raises(InputRefused, match=words):
        draft(store, tmp_path / "out", answers=answers)
    assert not (tmp_path / "out").exists()


def test_all_faults_of_answers_are_told_at_once(store: Store, tmp_path: Path) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text("\n".join(text for text, _ in BAD_ANSWERS[1:2] + BAD_ANSWERS[7:9:2]), encoding="utf-8")
    with pytest.raises(InputRefused) as refused:
        draft(store, tmp_path / "out", answers=answers)
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda told: "no json", "no JSON"),
        (lambda told: json.dumps({"schema": "other"}), "no Article 7 draft"),
        (lambda told: json.dumps({**told, "year": 2020}), "on 2020, not on 2024"),
    ],
)
def test_last_years_draft_must_be_one(
    store: Store, tmp_path: Path, change: Callable[[dict[str, Any]], str], words: str
) -> None:
    draft(store, tmp_path / "2024", year=2024)
    told = json.loads((tmp_path / "2024/article7.json").read_text(encoding="utf-8"))
    (tmp_path / "last.json").write_text(change(told), encoding="utf-8")
    with pytest.raises(InputRefused, match=words):
        draft(store, tmp_path / "out", last_year=tmp_path / "last.json")


# --- the request for more time ----------------------------------------------------------------------------------------


def test_a_request_says_whether_the_plan_fits_what_was_done(store: Store, tmp_path: Path) -> None:
    asked = extension_request.Request(60, tmp_path / "out", "a", from_year=2024)
    drafted = extension_request.draft(store, asked, now=NOW)
    total = land_release.ledger(store, date(2025, 1, 1), date(2025, 12, 31), "a").total
    assert drafted.fit.left == total.closing / 1e6
    assert drafted.fit.most == total.cleared / 1e6
    assert not drafted.fit.fits  # half of the years nothing was released
    told = json.loads((tmp_path / "out/extension_request.json").read_text(encoding="utf-8"))
    assert [one["key"] for one in told["sections"]] == [*"abcdefghi", "checks"]
    assert "does not fit" in json.dumps(told)


def test_a_request_in_french_says_that_nobody_reviewed_it(store: Store, tmp_path: Path) -> None:
    asked = extension_request.Request(60, tmp_path / "out", "a", from_year=2024, lang="fr")
    extension_request.draft(store, asked, now=NOW)
    told = json.loads((tmp_path / "out/extension_request.json").read_text(encoding="utf-8"))
    assert told["lang"] == "fr"
    assert "le plan ne tient pas" in json.dumps(told, ensure_ascii=False)
    assert any("non relue" in note for note in told["notes"])


def test_a_request_that_asks_for_too_much_or_names_no_party_is_told(store: Store, tmp_path: Path) -> None:
    asked = extension_request.Request(72, tmp_path / "out", "a", from_year=2025)
    assert any("60 at most" in one for one in extension_request.draft(store, asked, now=NOW).faults)
    with pytest.raises(InputRefused, match="no State Party"):
        extension_request.draft(store, replace(asked, state="KHM", months=12), now=NOW)
    with pytest.raises(InputRefused, match="0 months"):
        extension_request.draft(store, replace(asked, months=0), now=NOW)


# --- real records -----------------------------------------------------------------------------------------------------


@pytest.mark.shared
def test_the_draft_of_western_bosnia_holds_its_ledger(shared: Path, tmp_path: Path) -> None:
    """Records of another kind of contamination, with days and a programme given here."""
    store = create_store(tmp_path / "bosnia.gpkg", lambda: datetime(2026, 1, 5, tzinfo=UTC))
    path = tmp_path / "bosnia_west_dev.gpkg"
    shutil.copyfile(shared / "data/mine_action/bosnia_west_dev.gpkg", path)
    mapping = MAPS / "western-bosnia-records.toml"
    take_in(store, Request((path,), "a", column_map=mapping), today=date(2026, 1, 5))
    dated(store)
    report = draft(store, tmp_path / "out")
    total = land_release.ledger(store, date(2025, 1, 1), date(2025, 12, 31), "a").total
    assert [m2 for _, m2 in table(report, "F")] == [getattr(total, name) for name in LINES]
    assert total.cleared > 0
    assert sum(row[-1] for row in table(report, "F", 2)) == total.closing
    assert [one.passed for one in report.checks] == [True, True, False, True, True]  # no risk education there
    assert "not cluster munition remnants" in " ".join(report.document.stamps)


def dated(store: Store) -> None:
    viewer = Viewer("a", "manager")

    def day(id: str, first: int, last: int) -> str:
        number = zlib.crc32(id.encode())
        return date(
            first + number % (last - first + 1), 1 + number // 7 % 12, 1 + number // 91 % 28
        ).isoformat()

    areas = [
        replace(one, values={**one.values, "opened_on": day(one.id, 2011, 2024)})
        for one in store.all("hazardous_area", viewer)
    ]
    releases = [
        replace(one, values={**one.values, "released_on": day(one.id, 2018, 2025)})
        for one in store.all("release", viewer)
    ]
    put(store, record("programme", "P", name="A test", country="BIH"), *areas, *releases)
