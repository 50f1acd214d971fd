"""A document is the same in all its formats, calculates nothing, and cuts nothing without saying so."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from fadeout.exchange.document_docx import docx
from fadeout.exchange.document_files import pdf, write
from fadeout.exchange.document_xlsx import xlsx
from fadeout.exchange.documents import MOST_IDS, MOST_ROWS, Document, Section, Table, as_json

ROWS = tuple((f"SHA-{n}", "=1+1", n * 1000) for n in range(MOST_ROWS + 10))
IDS = tuple(tuple(f"EP-{n}-{i}" for i in range(MOST_IDS + 3)) for n in range(len(ROWS)))
DOCUMENT = Document(
    "A draft",
    "of a year",
    "2026-11-25T09:00:00Z",
    (
        Section(
            "F/1",
            "Areas",
            "Changed",
            ("Words <b> & \"quotes\" 'here' #not-markup",),
            (
                Table("All", ("id", "name", "m²"), ROWS, IDS),
                Table("None", ("a",)),
                Table("Hidden", ("a",), ((None,),)),
            ),
            ("What is the plan?",),
        ),
    ),
    ("A note",),
    ("DRAFT", "SIMULATED"),
)


def texts(data: bytes) -> str:
    import docx as library

    file = library.Document(io.BytesIO(data))
    cells = [cell.text for table in file.tables for row in table.rows for cell in row.cells]
    head = [one.text for part in file.sections for one in part.header.paragraphs]
    return "\n".join([*head, *(one.text for one in file.paragraphs), *cells])


def test_a_word_processor_finds_headings_stamps_tables_and_questions() -> None:
    said = texts(docx(DOCUMENT))
    for words in (
        "DRAFT · SIMULATED",
        "A draft",
        "Areas",
        "Changed",
        "#not-markup",
        "What is the plan?",
        "SHA-0",
    ):
        assert words in said
    assert "10 more rows stand in the XLSX and JSON files." in said
    assert f"SHA-{MOST_ROWS}" not in said
    assert "Nothing is recorded." in said
    assert "withheld" in said
    assert "and 3 more" in said


def test_the_workbook_holds_every_row_and_calculates_nothing() -> None:
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(xlsx(DOCUMENT)))
    assert book.sheetnames == ["about", "F_1", "records"]
    cells = [cell for row in book["F_1"].iter_rows() for cell in row if cell.value is not None]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert "'=1+1" in [cell.value for cell in cells]
    assert f"SHA-{MOST_ROWS + 9}" in [cell.value for cell in cells]
    assert book["records"].max_row == 1 + sum(len(ids) for ids in IDS)


def test_json_holds_every_row_and_id() -> None:
    told = json.loads(as_json(DOCUMENT, {"schema": "x"}))
    table = told["sections"][0]["tables"][0]
    assert [tuple(row) for row in table["rows"]] == list(ROWS)
    assert [tuple(ids) for ids in table["records"]] == list(IDS)
    assert told["schema"] == "x"


@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_the_pdf_is_tagged_and_on_the_paper_asked_for(paper: str) -> None:
    made = pdf(DOCUMENT, paper)
    assert made.startswith(b"%PDF")
    assert b"/MarkInfo" in made
    width = {"a4": b"595.27", "letter": b"612"}[paper]
    assert b"/MediaBox[0 0 " + width in made.replace(b"/MediaBox [", b"/MediaBox[")


def test_the_same_document_has_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = [path.read_bytes() for path in write(DOCUMENT, tmp_path / "a", "d")]
    assert [path.read_bytes() for path in write(DOCUMENT, tmp_path / "b", "d")] == first
    for data in first[1:3]:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
