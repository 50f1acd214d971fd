"""The blocks that a report is built of, as plain JSON values that HTML and PDF share.

Reads   words and rows of a table
Gives   `section`, `text`, `table`, `column`
Knows   nothing of what the report says
Start   at `table`
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Block = dict[str, Any]


def section(id: str, title: str, blocks: Sequence[Block], new_page: bool = False) -> Block:
    """A section of the report; `id` is its anchor."""
    return {"id": id, "title": title, "blocks": list(blocks), "new_page": new_page}


def text(words: str, lead: str = "") -> Block:
    """A paragraph, with a bold lead where one is given."""
    return {"kind": "text", "lead": lead, "text": words}


def column(label: str, align: str = "left", width: str = "auto") -> Block:
    """The head of one column of a table."""
    return {"label": label, "align": align, "width": width}


def table(
    caption: str, columns: list[Block], rows: list[list[str]], empty: str, small: bool = False
) -> Block:
    """A table block; `empty` are the words that stand in its place when it has no row."""
    return {
        "kind": "table",
        "caption": caption,
        "columns": columns,
        "rows": rows,
        "empty": empty,
        "small": small,
    }
