"""A document for a word processor.

Reads   a `Document`
Gives   the bytes of a DOCX; the same document, the same bytes
Knows   python-docx, an extra; nothing of what a document says
Start   at `docx`
"""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

from fadeout.errors import InputRefused, Problem
from fadeout.exchange.documents import (
    PAPERS,
    Document,
    Notes,
    Picture,
    Section,
    Table,
    numeric,
    shown,
    widths_of,
)

CELL_MARGINS = 3  # letters that the margins of a cell take, in the bold type of a header
MARGIN_TWIPS = 50  # of a cell, left and right: 0.9 mm
LETTERS = 100  # of 8 points across a page


def docx(document: Document, paper: str = "a4") -> bytes:
    """The document for a word processor: real headings, tables with header rows, page numbers.

    Raises
    ------
    InputRefused
        If python-docx is not installed.
    """
    made = _Docx(document, paper)
    for section in document.sections:
        made.section(section)
    made.notes_at_end()
    return made.bytes()


class _Docx:
    def __init__(self, document: Document, paper: str):
        library = _docx_library()
        self.document, self.notes = document, Notes(document)
        self.file: Any = library.Document()
        self.shared: Any = library.shared
        self._page(paper)
        self._properties()
        self._header_and_footer()
        self.file.add_heading(document.title, level=0)
        if document.subtitle:
            self.file.add_paragraph(document.subtitle, style="Subtitle")
        for note in document.notes:
            self.file.add_paragraph(note)

    def _page(self, paper: str) -> None:
        _, width, height = PAPERS[paper]
        part = self.file.sections[0]
        mm = self.shared.Mm
        part.page_width, part.page_height = mm(width), mm(height)
        part.left_margin = part.right_margin = mm(18)
        part.top_margin = part.bottom_margin = mm(20)
        self.width = mm(width - 36)
        normal = self.file.styles["Normal"]
        normal.font.name, normal.font.size = "DejaVu Sans", self.shared.Pt(9)
        for name in ("Title", "Heading 1", "Heading 2", "Subtitle"):
            self.file.styles[name].font.name = "DejaVu Sans"
            self.file.styles[name].font.color.rgb = self.shared.RGBColor(0x1F, 0x2F, 0x4F)
        self.file.styles["Title"].font.size = self.shared.Pt(18)
        _language(self.file, self.document.lang)

    def _properties(self) -> None:
        about = self.file.core_properties
        moment = datetime.fromisoformat(self.document.made_at.replace("Z", "+00:00")).replace(tzinfo=None)
        about.title, about.author, about.language = self.document.title, "fadeout", self.document.lang
        about.created = about.modified = moment
        about.last_modified_by, about.comments = "fadeout", " | ".join(self.document.stamps)

    def _header_and_footer(self) -> None:
        part = self.file.sections[0]
        head = part.header.paragraphs[0]
        head.add_run(" · ".join((*self.document.stamps, self.document.title))).bold = True
        foot = part.footer.paragraphs[0]
        foot.add_run(f"{self.document.label('page')} ")
        _page_number(foot)

    def section(self, section: Section) -> None:
        self.file.add_heading(section.title, level=1)
        if section.status:
            self.file.add_paragraph().add_run(section.status).bold = True
        for text in section.paragraphs:
            self.file.add_paragraph(text)
        for picture in section.pictures:
            self.picture(picture)
        for table in section.tables:
            self.table(table)
        if section.gaps:
            self.file.add_paragraph().add_run(self.document.label("gaps")).bold = True
            for gap in section.gaps:
                self.file.add_paragraph(gap, style="List Bullet")

    def picture(self, picture: Picture) -> None:
        shape = self.file.add_picture(io.BytesIO(picture.png), width=self.width)
        shape._inline.docPr.set("descr", picture.alt)
        self.file.add_paragraph(picture.caption)

    def table(self, table: Table) -> None:
        caption = self.file.add_paragraph()
        caption.add_run(table.caption).bold = True
        caption.paragraph_format.keep_with_next = True
        if not table.rows:
            self.file.add_paragraph(self.document.label("empty"))
            return
        head, rows, more = shown(self.document, table, self.notes)
        grid = self.file.add_table(rows=1 + len(rows), cols=len(head), style="Table Grid")
        grid.autofit = False
        _narrow_margins(grid)
        right = [*numeric(table), False]
        need = sum(
            max(len(word) for row in (head, *rows) for word in row[i].split() or [""]) + CELL_MARGINS
            for i in range(len(head))
        )
        size = min(
            8.0, round(16 * LETTERS / need) / 2
        )  # a wide table in smaller type, before words are broken
        for i, share in enumerate(widths_of(head, rows, CELL_MARGINS)):
            width = int(self.width * share)
            grid.columns[i].width = width  # LibreOffice reads this one, Word that of the cells
            for j, cells in enumerate([head, *rows]):
                cell = grid.cell(j, i)
                cell.width = width
                paragraph = cell.paragraphs[0]
                run = paragraph.add_run(cells[i])
                run.font.size = self.shared.Pt(size)
                run.bold = j == 0
                paragraph.alignment = 2 if right[i] else 0  # right or left
        _repeat_header(grid.rows[0])
        if more:
            self.file.add_paragraph(more)
        self.file.add_paragraph()

    def notes_at_end(self) -> None:
        if not self.notes.texts:
            return
        self.file.add_heading(self.document.label("records"), level=1)
        for n, text in enumerate(self.notes.texts, 1):
            paragraph = self.file.add_paragraph(f"[{n}] {text}")
            paragraph.paragraph_format.space_after = self.shared.Pt(1)

    def bytes(self) -> bytes:
        out = io.BytesIO()
        self.file.save(out)
        return same_times(out.getvalue())


def _docx_library() -> Any:
    try:
        import docx
        import docx.shared
    except ImportError as error:
        message = "python-docx is not installed"
        raise InputRefused([Problem("format.no-library", message, "./run extras")]) from error
    return docx


def _language(file: Any, lang: str) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    properties = file.styles["Normal"].element.get_or_add_rPr()
    element = OxmlElement("w:lang")
    element.set(qn("w:val"), {"en": "en-GB", "fr": "fr-FR"}.get(lang, lang))
    properties.append(element)


def _page_number(paragraph: Any) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    run = paragraph.add_run()
    for kind, text in (("begin", ""), ("", "PAGE"), ("end", "")):
        element = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            element.set(qn("w:fldCharType"), kind)
        else:
            element.text = text
        run._r.append(element)


def _narrow_margins(table: Any) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    margins = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        element = OxmlElement(f"w:{side}")
        element.set(qn("w:w"), str(MARGIN_TWIPS))
        element.set(qn("w:type"), "dxa")
        margins.append(element)
    table._tbl.tblPr.append(margins)


def _repeat_header(row: Any) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    element = OxmlElement("w:tblHeader")
    element.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(element)


def same_times(zipped: bytes) -> bytes:
    """The same archive with all its times set to one, so that the same document gives the same bytes."""
    import zipfile

    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(zipped)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), old.read(name), zipfile.ZIP_DEFLATED)
    return out.getvalue()
