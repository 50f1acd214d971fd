"""A document as a workbook, with every row and the records behind each.

Reads   a `Document`
Gives   the bytes of an XLSX; the same document, the same bytes
Knows   openpyxl; nothing of what a document says
Start   at `xlsx`
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from fadeout.exchange.document_docx import same_times
from fadeout.exchange.documents import Document, Section, text_of
from fadeout.exchange.guarding import guarded


def xlsx(document: Document) -> bytes:
    """The document as a workbook: a sheet of what it is, one for each section, one of the records behind the figures."""
    from openpyxl import Workbook  # type: ignore[import-untyped]
    from openpyxl.styles import Font  # type: ignore[import-untyped]

    book: Any = Workbook()
    bold = Font(bold=True)
    sheet = book.active
    sheet.title = "about"
    for line in (document.title, document.subtitle, *document.stamps, document.made_at, *document.notes):
        sheet.append([guarded(line)])
    sheet["A1"].font = bold
    sheet.column_dimensions["A"].width = 110
    behind = book.create_sheet("records")
    behind.append([document.label(name) for name in ("form", "table", "row", "id")])
    used = {"about", "records"}
    for section in document.sections:
        page = book.create_sheet(_sheet_name(section.key, used), len(book.sheetnames) - 1)
        for row, heavy in _lines(document, section):
            page.append(row)
            if heavy:
                for cell in page[page.max_row]:
                    cell.font = bold
        _fit(page)
        for table in section.tables:
            for n, ids in enumerate(table.records):
                first = text_of(document, table.rows[n][0]) if table.rows[n] else ""
                for one in ids:
                    behind.append([guarded(text) for text in (section.key, table.caption, first, one)])
    for cell in behind[1]:
        cell.font = bold
    _fit(behind)
    moment = datetime.fromisoformat(document.made_at.replace("Z", "+00:00")).replace(tzinfo=None)
    book.properties.title, book.properties.creator = document.title, "fadeout"
    book.properties.created = book.properties.modified = moment
    out = io.BytesIO()
    _save_at(book, out, moment)
    return same_times(out.getvalue())


def _save_at(book: Any, out: io.BytesIO, moment: datetime) -> None:
    """Save with a time of our own: the library writes the clock's."""
    from zipfile import ZIP_DEFLATED, ZipFile

    from openpyxl.writer.excel import ExcelWriter  # type: ignore[import-untyped]

    class Dated(ExcelWriter):  # type: ignore[misc]
        def write_data(self) -> None:
            book.properties.modified = moment
            super().write_data()

    with ZipFile(out, "w", ZIP_DEFLATED, allowZip64=True) as archive:
        Dated(book, archive).save()


def _lines(document: Document, section: Section) -> Iterator[tuple[list[Any], bool]]:
    """The rows of a section's sheet, and whether each is bold."""
    yield [guarded(section.title)], True
    if section.status:
        yield [guarded(section.status)], False
    for text in section.paragraphs:
        yield [guarded(text)], False
    for table in section.tables:
        yield [], False
        yield [guarded(table.caption)], True
        yield [guarded(name) for name in table.columns], True
        for row in table.rows:
            yield (
                [
                    document.label("withheld") if c is None else guarded(c) if isinstance(c, str) else c
                    for c in row
                ],
                False,
            )
        if not table.rows:
            yield [document.label("empty")], False
    if section.gaps:
        yield [], False
        yield [document.label("gaps")], True
        for gap in section.gaps:
            yield [guarded(gap)], False


def _sheet_name(key: str, used: set[str]) -> str:
    name = "".join("_" if letter in r"[]:*?/\'" else letter for letter in key)[:28] or "part"
    while name.lower() in used:
        name += "_"
    used.add(name.lower())
    return name


def _fit(page: Any) -> None:
    widths: dict[str, int] = {}
    for row in page.iter_rows():
        if sum(cell.value is not None for cell in row) > 1:
            for cell in row:
                if cell.value is not None:
                    widths[cell.column_letter] = min(
                        max(widths.get(cell.column_letter, 10), len(str(cell.value)) + 2), 60
                    )
    for letter, width in widths.items():
        page.column_dimensions[letter].width = width
