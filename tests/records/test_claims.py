"""Claims that cannot be are refused, each fault with its file and row, and nothing of the tables is taken."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fadeout.errors import InputRefused
from fadeout.records import claim_checks, claim_files
from fadeout.records.catalogue import CHECKED, CLAIM_KINDS, CONFIDENCES
from fadeout.records.claim_files import COLUMNS, THEMES
from fadeout.records.claims import PROPERTIES, Claim, Registry, Source

FOLDER = Path(str(claim_files.folder()))


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    shutil.copytree(FOLDER, tmp_path / "registry")
    return tmp_path / "registry"


def faults(folder: Path) -> list[tuple[str, str, int | None]]:
    with pytest.raises(InputRefused) as refused:
        claim_files.read(folder)
    return [(one.code, one.file, one.row) for one in refused.value.problems]


def add(folder: Path, table: str = "status", **values: str) -> int:
    """A row at the end of a table, sound but for what is given; its number."""
    sound = {"id": "NEW-1", "subject": "LAO", "property": "cleared", "value": "1", "source_id": "cmm-2025"}
    sound |= {"kind": "monitor", "confidence": "confirmed", "checked": "verified"}
    path = folder / f"{table}.csv"
    with path.open("a", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerow([{**sound, **values}.get(name, "") for name in COLUMNS[table]])
    return len(path.read_text(encoding="utf-8").splitlines()) - 1  # the header is not counted


def test_the_shipped_tables_are_sound() -> None:
    assert len(claim_files.shipped().claims) > 700


def test_a_sound_row_is_taken(tables: Path) -> None:
    add(tables)
    assert len(claim_files.read(tables).claims) == len(claim_files.shipped().claims) + 1


BAD = (
    ({"subject": "ATL"}, "registry.unknown-subject"),
    ({"subject": "munition:none", "property": "failure_rate", "value": "0.1"}, "registry.unknown-subject"),
    ({"subject": "LAO", "property": "failure_rate", "value": "0.1"}, "registry.unknown-subject"),
    ({"property": "opinion"}, "registry.unknown-property"),
    ({"value": "many"}, "registry.bad-value"),
    ({"value": "9..3"}, "registry.bad-value"),
    ({"subject": "munition:cbu87", "property": "failure_rate", "value": "14"}, "registry.bad-value"),
    ({"property": "deposit", "value": "2030-02-30"}, "registry.bad-value"),
    ({"property": "transfer", "value": "x", "other": "Atlantis"}, "registry.unknown-subject"),
    ({"property": "use", "value": "x"}, "registry.bad-value"),
    ({"property": "signature", "value": "2008-12-02"}, "registry.impossible-date"),
    ({"property": "deposit", "value": "2008-12-01"}, "registry.impossible-date"),
    ({"subject": "KEN", "property": "deposit", "value": "2008-12-02"}, "registry.impossible-date"),
    (
        {"subject": "LTU", "property": "withdrawal_effective", "value": "2024-01-01"},
        "registry.impossible-date",
    ),
    ({"id": "LAO-deposit"}, "registry.twice"),
    ({"id": ""}, "registry.bad-id"),
    ({"id": "with space"}, "registry.bad-id"),
    ({"source_id": ""}, "registry.no-source"),
    ({"source_id": "nobody"}, "registry.no-source"),
    ({"kind": "rumour"}, "registry.bad-word"),
    ({"confidence": "sure"}, "registry.bad-word"),
    ({"checked": "maybe"}, "registry.bad-word"),
    ({"note": "=1+1"}, "registry.bad-value"),
    ({"starts": "last year"}, "registry.bad-date"),
    ({"starts": "2024", "ends": "2023"}, "registry.bad-date"),
    ({"ends": "2024-13"}, "registry.bad-date"),
)


@pytest.mark.parametrize(("values", "code"), BAD, ids=[f"{code}-{n}" for n, (_, code) in enumerate(BAD)])
def test_a_claim_that_cannot_be_is_refused_with_its_row(
    tables: Path, values: dict[str, str], code: str
) -> None:
    row = add(tables, **values)
    assert (code, "status.csv", row) in faults(tables)


def test_a_deposit_before_its_signature_is_refused(tables: Path) -> None:
    row = add(tables, id="KEN-deposit", subject="KEN", property="deposit", value="2008-12-03")
    found = claim_files.raw(tables)[0]
    assert claim_checks.problems(found) == []  # Kenya signed on that very day
    text = (tables / "status.csv").read_text(encoding="utf-8")
    (tables / "status.csv").write_text(
        text.replace("JAM-signature,JAM,signature,2009-06-12", "JAM-signature,JAM,signature,2011-06-12"),
        encoding="utf-8",
    )
    row = add(tables, id="JAM-deposit", subject="JAM", property="deposit", value="2010-01-01")
    assert faults(tables) == [("registry.impossible-date", "status.csv", row)]


def test_every_fault_of_every_file_is_told_in_one_run(tables: Path) -> None:
    rows = [add(tables, id=f"BAD-{n}", **values) for n, (values, _) in enumerate(BAD[:8])]
    (tables / "sources.csv").write_text("id,who\nx,y\n", encoding="utf-8")
    found = faults(tables)
    assert {row for _, file, row in found if file == "status.csv"} >= set(rows)
    assert ("registry.columns", "sources.csv", None) in found


def test_a_file_that_is_missing_or_is_no_text_is_told(tables: Path) -> None:
    (tables / "use.csv").unlink()
    (tables / "transfers.csv").write_bytes(b"\xff\xfe\x00\x80")
    assert {code for code, _, _ in faults(tables)} >= {"registry.no-file", "registry.unreadable"}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(COLUMNS["status"]), st.text(max_size=12), min_size=1))
def test_any_row_is_taken_or_refused_in_words(values: dict[str, str]) -> None:
    sound = dict.fromkeys(COLUMNS["status"], "")
    rows = {"status": [claim_checks.Row("status.csv", 2, sound | values)]}
    assert all(one.code.startswith("registry.") for one in claim_checks.problems(rows))


TABLES = tuple(COLUMNS)
# What any cell of any table must be, so that a word that is none of these cannot be taken.
CLOSED = ("subject", "property", "source_id", "kind", "confidence", "checked")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(TABLES), st.data())
def test_any_cell_of_a_shipped_row_may_be_damaged_without_a_traceback(name: str, data: st.DataObject) -> None:
    shipped = claim_files.raw(claim_files.folder())[0]
    row = data.draw(st.integers(0, len(shipped[name]) - 1))
    column = data.draw(st.sampled_from(COLUMNS[name]))
    word = data.draw(
        st.text(max_size=12) | st.from_regex(r"\d{4}-\d\d-\d\d|[<>]?\d+(\.\.\d+)?", fullmatch=True)
    )
    sound = shipped[name][row]
    damaged = claim_checks.Row(sound.file, sound.row, {**sound.values, column: word})
    rows = [damaged if one is sound else one for one in shipped[name]]
    tables = shipped | {name: rows}
    found = claim_checks.problems(tables)
    assert all(one.code.startswith("registry.") and one.remedy for one in found)
    if not found:  # what is taken can be asked, in every order
        registry = claim_files.registry_of(tables)
        assert all(registry.of(one.subject, one.property) for one in registry.claims)


@given(st.sampled_from(CLOSED), st.text(alphabet="abcXYZ-", max_size=8))
def test_a_word_that_a_cell_cannot_hold_is_always_a_problem(column: str, word: str) -> None:
    tables = claim_files.raw(claim_files.folder())[0]
    sound = tables["contamination"][0]
    damaged = claim_checks.Row(sound.file, sound.row, {**sound.values, column: word})
    known = claim_checks.Known(
        frozenset(row.values["id"] for row in tables["states"]),
        frozenset(),
        frozenset(row.values["id"] for row in tables["sources"]),
    )
    told = list(claim_checks.claim_faults(damaged, known))
    assert told
    assert all((one.file, one.row) == ("contamination.csv", 1) for one in told)


@pytest.mark.parametrize("word", ["２０１０-01-01", "٢٠١٠-٠١-٠١", "2010-1-1", "20100101", "2010-W01-1"])
def test_a_day_in_other_digits_or_another_form_is_refused_in_words(tables: Path, word: str) -> None:
    row = add(tables, subject="UGA", property="deposit", value=word)
    assert faults(tables) == [("registry.bad-value", "status.csv", row)]


def test_a_withdrawal_before_entry_into_force_is_refused(tables: Path) -> None:
    row = add(tables, subject="VUT", property="withdrawal_effective", value="2026-02-01")
    assert faults(tables) == [("registry.impossible-date", "status.csv", row)]


def test_two_claims_of_one_id_are_refused_even_if_they_are_equal(tables: Path) -> None:
    assert add(tables) + 1 == add(tables)
    assert [code for code, _, _ in faults(tables)] == ["registry.twice"]


def test_a_state_says_its_name_and_whether_it_is_one(tables: Path) -> None:
    row = add(tables, "states", id="XXX", subject="", kind="planet", name="")
    assert faults(tables) == [
        ("registry.no-name", "states.csv", row),
        ("registry.bad-word", "states.csv", row),
    ]


def test_a_cell_may_hold_the_end_of_a_line(tables: Path) -> None:
    add(tables, note="one\ntwo\u2028three")
    found = {one.id: one for one in claim_files.read(tables).claims}
    assert found["NEW-1"].note == "one\ntwo\u2028three"


def test_the_later_source_stands_first_and_one_without_a_date_counts_from_what_it_tells() -> None:
    sources = {"year": Source("year", "a", dated="2024"), "may": Source("may", "b", dated="2024-05")}
    sources |= {"undated": Source("undated", "c")}
    made = {"kind": "monitor", "checked": "verified"}
    claims = (
        Claim("a", "LAO", "cleared", "1", source_id="undated", **made),
        Claim("b", "LAO", "cleared", "2", source_id="year", **made),
        Claim("c", "LAO", "cleared", "3", source_id="may", **made),
        Claim("d", "LAO", "cleared", "4", starts="2023", ends="ongoing", source_id="undated", **made),
        Claim("e", "LAO", "cleared", "5", starts="2023", ends="2025", source_id="undated", **made),
    )
    assert [one.id for one in Registry(claims, sources).of("LAO", "cleared")] == ["e", "c", "b", "d", "a"]


@given(st.permutations(range(6)))
def test_the_order_of_claims_does_not_hang_on_the_order_of_the_tables(order: list[int]) -> None:
    sources = {"old": Source("old", "a", dated="2016"), "new": Source("new", "b", dated="2022-05")}
    claims = [
        Claim("a", "BDI", "deposit", "1", source_id="old", kind="depositary", checked="verified"),
        Claim("b", "BDI", "deposit", "2", source_id="new", kind="monitor", checked="verified"),
        Claim("c", "BDI", "deposit", "3", source_id="old", kind="monitor", checked="verified"),
        Claim(
            "d",
            "BDI",
            "deposit",
            "4",
            source_id="old",
            kind="monitor",
            checked="verified",
            confidence="credible",
        ),
        Claim("e", "BDI", "deposit", "5", source_id="new", kind="press", checked="verified"),
        Claim("f", "BDI", "deposit", "6", source_id="new", kind="depositary", checked="recalled"),
    ]
    registry = Registry(tuple(claims[n] for n in order), sources)
    assert [one.id for one in registry.of("BDI", "deposit")] == list("abcdef")


def test_the_schema_names_what_the_program_knows() -> None:
    schema = json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))
    claim = schema["$defs"]["claim"]
    assert tuple(claim["properties"]) == COLUMNS["status"]
    assert set(claim["properties"]["property"]["enum"]) == set(PROPERTIES)
    assert claim["properties"]["kind"]["enum"] == list(CLAIM_KINDS)
    assert claim["properties"]["confidence"]["enum"] == list(CONFIDENCES)
    assert claim["properties"]["checked"]["enum"] == list(CHECKED)
    for name, definition in (("sources", "source"), ("states", "subject"), ("munitions", "munition")):
        assert tuple(schema["$defs"][definition]["properties"]) == COLUMNS[name]


def test_every_shipped_row_fits_the_schema() -> None:
    """Whoever takes the tables by their schema takes what the program takes."""
    schema = json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))
    tables = claim_files.raw(claim_files.folder())[0]
    for name, rows in tables.items():
        definition = schema["$defs"][schema["properties"][name]["items"]["$ref"].rpartition("/")[2]]
        assert set(definition) == {"type", "properties", "required", "additionalProperties"}
        assert set(definition["required"]) <= set(COLUMNS[name])
        for row in rows:
            assert set(row.values) <= set(definition["properties"])
            for column, asked in definition["properties"].items():
                assert _fits(row.values[column], asked), (name, row.row, column)


def _fits(value: str, asked: dict[str, Any]) -> bool:
    """What the schema asks of a text, by the words of JSON Schema that it uses."""
    assert set(asked) <= {"type", "description", "pattern", "minLength", "enum"}
    if "enum" in asked:
        return value in asked["enum"]
    return len(value) >= asked.get("minLength", 0) and bool(re.search(asked.get("pattern", ""), value))


def test_the_schema_tells_what_each_property_is() -> None:
    schema = json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))
    told = schema["$defs"]["claim"]["properties"]["property"]["description"]
    assert told == "; ".join(f"{name}: {about.about}" for name, about in PROPERTIES.items())


@pytest.mark.parametrize("name", THEMES)
def test_every_shipped_table_is_written_as_csv_would_write_it(name: str) -> None:
    """So that a change of one claim is a change of one line."""
    text = (FOLDER / f"{name}.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    assert text == "".join(_line(row) for row in rows)


def _line(row: list[str]) -> str:
    from io import StringIO

    out = StringIO()
    csv.writer(out, lineterminator="\n").writerow(row)
    return out.getvalue()
