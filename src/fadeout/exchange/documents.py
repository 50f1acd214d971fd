"""Documents that people go on writing: one structure, written as DOCX, XLSX, PDF and JSON.

Reads   nothing
Gives   `Document`, its JSON, and what DOCX and PDF share: tables as they show them, notes that name records
Knows   headings, tables, what is still to be said by a person, and which records stand behind a figure; no treaty
Start   at `Document`; `document_files.write` writes all formats

Long tables are cut in DOCX and PDF, and say so; XLSX and JSON hold every row, and every id behind it. Words that the
writers add (`Gaps`, `Records`) come with the document, in its language.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_ROWS = 60  # of a table in DOCX and PDF
MOST_IDS = 12  # of a note in DOCX and PDF
PAPERS = {"a4": ("a4", 210, 297), "letter": ("us-letter", 216, 279)}  # Typst's name, width and height in mm

Cell = str | int | None  # None is a number that is withheld or not known
LABELS = {  # in English; a document in another language brings its own
    "gaps": "To be answered by a person",
    "records": "Records behind the figures",
    "more_rows": "{n} more rows stand in the XLSX and JSON files.",
    "more_ids": "and {n} more",
    "withheld": "withheld",
    "empty": "Nothing is recorded.",
    "page": "Page",
    "note": "Note",
    "form": "Section",
    "table": "Table",
    "row": "Row",
    "id": "Record",
}


@dataclass(frozen=True)
class Table:
    """A table: a caption, columns, rows of texts and whole numbers, and for each row the records behind it."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    records: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Picture:
    """A picture: its SVG, the same as PNG for a word processor, what it says, and a text for those who do not see it."""

    svg: str
    png: bytes
    caption: str
    alt: str


@dataclass(frozen=True)
class Section:
    """A part: its title, whether it changed since the last time, paragraphs, tables, and what a person must answer."""

    key: str
    title: str
    status: str = ""
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    gaps: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Document:
    """The whole: `stamps` stand on every page, `made_at` (ISO 8601, UTC) is its only time."""

    title: str
    subtitle: str
    made_at: str
    sections: tuple[Section, ...] = ()
    notes: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ("DRAFT",)
    lang: str = "en"
    labels: Mapping[str, str] = field(default_factory=dict)

    def label(self, name: str, **values: object) -> str:
        """A word of the writers in the document's language."""
        return self.labels.get(name, LABELS[name]).format(**values)


def as_json(document: Document, more: Mapping[str, Any] | None = None) -> bytes:
    """The document as plain values, with every record behind every row; `more` stands beside it.

    Examples
    --------
    >>> sorted(json.loads(as_json(Document("T", "", "2026-11-25T00:00:00Z"))))[:3]
    ['lang', 'made_at', 'notes']
    """
    told = {
        "title": document.title,
        "subtitle": document.subtitle,
        "made_at": document.made_at,
        "lang": document.lang,
        "stamps": list(document.stamps),
        "notes": list(document.notes),
        "sections": [
            {
                "key": one.key,
                "title": one.title,
                "status": one.status,
                "paragraphs": list(one.paragraphs),
                "tables": [
                    {
                        "caption": table.caption,
                        "columns": list(table.columns),
                        "rows": [list(row) for row in table.rows],
                        "records": [list(ids) for ids in table.records],
                    }
                    for table in one.tables
                ],
                "gaps": list(one.gaps),
                "pictures": [{"caption": picture.caption, "alt": picture.alt} for picture in one.pictures],
            }
            for one in document.sections
        ],
        **(more or {}),
    }
    return (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode()


@dataclass
class Notes:
    """Notes that name the records behind rows, numbered as they are met."""

    document: Document
    texts: list[str] = field(default_factory=list)

    def mark(self, ids: Sequence[str]) -> str:
        """The mark of a row, such as [3]; nothing where no record stands behind it."""
        if not ids:
            return ""
        self.texts.append(self.named(ids))
        return f"[{len(self.texts)}]"

    def named(self, ids: Sequence[str]) -> str:
        shown = ", ".join(ids[:MOST_IDS])
        left = len(ids) - MOST_IDS
        return f"{shown} {self.document.label('more_ids', n=left)}" if left > 0 else shown


def shown(document: Document, table: Table, notes: Notes) -> tuple[list[str], list[list[str]], str]:
    """Header, rows as texts with their marks, and what is said of rows that are left out."""
    marked = any(table.records)
    head = [*table.columns, *([document.label("note")] if marked else [])]
    rows = []
    for n, row in enumerate(table.rows[:MOST_ROWS]):
        ids = table.records[n] if n < len(table.records) else ()
        rows.append([text_of(document, cell) for cell in row] + ([notes.mark(ids)] if marked else []))
    left = len(table.rows) - MOST_ROWS
    return head, rows, document.label("more_rows", n=left) if left > 0 else ""


def text_of(document: Document, cell: Cell) -> str:
    if cell is None:
        return document.label("withheld")
    return f"{cell:,}".replace(",", "\u202f") if isinstance(cell, int) else cell


def numeric(table: Table) -> list[bool]:
    """Which columns hold numbers: they are set to the right."""
    return [
        bool(table.rows) and all(not isinstance(row[i], str) for row in table.rows)
        for i in range(len(table.columns))
    ]


def widths_of(head: Sequence[str], rows: Sequence[Sequence[str]], around: int = 2) -> list[float]:
    """The share of each column: by its longest word or number and the letters around it, by its cells' text beyond."""
    need = []
    for i, name in enumerate(head):
        cells = [row[i] for row in rows]
        word = max(len(part) for cell in (name, *cells) for part in (cell.split() or [""]))
        text = sorted(len(cell) for cell in cells)[len(cells) * 9 // 10] if cells else 0
        need.append(max(word, min(text, 44)) + around)
    return [one / sum(need) for one in need]
