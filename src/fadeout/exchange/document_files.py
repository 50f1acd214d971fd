"""A document in all its formats: DOCX, XLSX, PDF and JSON.

Reads   a `Document`
Gives   files in a folder
Knows   which formats there are; the PDF is set by Typst
Start   at `write`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from fadeout.exchange.document_docx import docx
from fadeout.exchange.document_xlsx import xlsx
from fadeout.exchange.documents import PAPERS, Document, Notes, Section, as_json, numeric, shown, widths_of


def write(
    document: Document, folder: Path, name: str, *, paper: str = "a4", more: Mapping[str, Any] | None = None
) -> list[Path]:
    """Write all four formats into a folder; give the files. `more` are further values for the JSON.

    Raises
    ------
    InputRefused
        If python-docx is not installed.
    """
    made = {
        "json": as_json(document, more),
        "xlsx": xlsx(document),
        "docx": docx(document, paper),
        "pdf": pdf(document, paper),
    }
    written = []
    for suffix, content in made.items():
        written.append(folder / f"{name}.{suffix}")
        written[-1].write_bytes(content)
    return written


def pdf(document: Document, paper: str = "a4") -> bytes:
    """The document as a tagged PDF (PDF/UA-1)."""
    import typst
    from matplotlib import get_data_path

    notes = Notes(document)
    content = {
        "title": document.title,
        "subtitle": document.subtitle,
        "notes": list(document.notes),
        "stamps": list(document.stamps),
        "lang": document.lang,
        "paper": PAPERS[paper][0],
        "labels": {name: document.label(name) for name in ("gaps", "records", "empty", "page")},
        "sections": [_for_typst(document, one, notes) for one in document.sections],
        "records": notes.texts,
    }
    moment = datetime.fromisoformat(document.made_at.replace("Z", "+00:00"))
    fonts: Any = [str(Path(get_data_path()) / "fonts" / "ttf")]
    made: bytes = typst.compile(
        files("fadeout.exchange").joinpath("templates", "document.typ").read_bytes(),
        sys_inputs={"content": json.dumps(content, ensure_ascii=False)},
        font_paths=fonts,
        timestamp=int(moment.timestamp()),
        pdf_standards="ua-1",
    )
    return made


def _for_typst(document: Document, section: Section, notes: Notes) -> dict[str, Any]:
    tables = []
    for table in section.tables:
        head, rows, more = shown(document, table, notes)
        right = [*numeric(table), False][: len(head)]
        tables.append(
            {
                "caption": table.caption,
                "head": head,
                "rows": rows,
                "more": more,
                "right": right,
                "widths": widths_of(head, rows),
            }
        )
    return {
        "title": section.title,
        "status": section.status,
        "paragraphs": list(section.paragraphs),
        "tables": tables,
        "gaps": list(section.gaps),
        "pictures": [{"svg": one.svg, "alt": one.alt, "caption": one.caption} for one in section.pictures],
    }
