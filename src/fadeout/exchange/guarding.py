"""Texts that a spreadsheet would take for a formula: marked on the way out, unmarked on the way in.

Reads   one text
Gives   the text that stands in the file, and the text that was meant
Knows   which first letters make a spreadsheet calculate; nothing of files
Start   at `guarded`

A text that begins with = + - @, a tab or a carriage return gets a single quote before it, and so does one that has
quotes before such a letter already: that way taking one quote off always gives back what was written.
"""

from __future__ import annotations

import re

DANGEROUS = re.compile(r"'*[=+\-@\t\r]")
GUARDED = re.compile(r"'+[=+\-@\t\r]")


def guarded(text: str) -> str:
    """Write a text so that no spreadsheet calculates it.

    Examples
    --------
    >>> guarded("=1+1"), guarded("'=1+1"), guarded("it's 5")
    ("'=1+1", "''=1+1", "it's 5")
    """
    return f"'{text}" if DANGEROUS.match(text) else text


def unguarded(text: str) -> str:
    """Give the text that was meant; the inverse of `guarded`.

    Examples
    --------
    >>> unguarded(guarded("=1+1")), unguarded(guarded("'=1+1")), unguarded("'quoted'")
    ('=1+1', "'=1+1", "'quoted'")
    """
    return text[1:] if GUARDED.match(text) else text
