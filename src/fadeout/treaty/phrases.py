"""The words of reports and pages, in each language that somebody translated them to.

Reads   the TOML files of `words/`: a key, its text in each language, and whether a native reader reviewed it
Gives   `Phrases`: a text of a key in a language
Knows   that a draft translation is a draft, and is called one
Start   at `phrases`

English is the language that texts are written in; another is a translation, and `reviewed` lists those a native reader
has passed. A document in a language with unreviewed texts says so.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from fadeout.errors import InputRefused, Problem
from fadeout.exchange.documents import LABELS
from fadeout.treaty.dates import say

LANGUAGES = ("en", "fr")
ORIGINAL = "en"


@dataclass(frozen=True)
class Phrases:
    """Texts of one catalogue in one language."""

    lang: str
    texts: dict[str, str]
    unreviewed: frozenset[str] = field(default_factory=frozenset)

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of a key, with values put in.

        Examples
        --------
        >>> phrases("article7", "fr")("year", year=2025)
        'Année civile 2025'
        """
        return self.texts[key].format(**values)

    def day(self, day: date) -> str:
        """A day as the language writes it; in English where Babel, an extra, is not there.

        Examples
        --------
        >>> phrases("article7").day(date(2026, 4, 30))
        '30 Apr 2026'
        """
        if self.lang == ORIGINAL:
            return say(day)
        try:
            from babel.dates import format_date
        except ImportError:
            return say(day)
        return str(format_date(day, "d MMMM y", locale=self.lang))

    @property
    def reviewed(self) -> bool:
        """Whether a native reader passed every text of the catalogue in this language."""
        return not self.unreviewed


@cache
def phrases(catalogue: str, lang: str = ORIGINAL) -> Phrases:
    """Give a catalogue in a language.

    Raises
    ------
    InputRefused
        If there is no translation to that language.
    """
    if lang not in LANGUAGES:
        message = f"there are no texts in '{lang}'"
        raise InputRefused([Problem("words.no-language", message, f"take one of {', '.join(LANGUAGES)}")])
    table = read(catalogue)
    unreviewed = (
        frozenset(key for key, entry in table.items() if lang not in entry.get("reviewed", []))
        if lang != ORIGINAL
        else frozenset()
    )
    return Phrases(lang, {key: str(entry[lang]) for key, entry in table.items()}, unreviewed)


def labels(lang: str) -> dict[str, str]:
    """The words that writers of documents add, in a language.

    Examples
    --------
    >>> labels("fr")["withheld"]
    'non communiqué'
    """
    say = phrases("article7", lang)
    return {name: say.texts[f"label_{name}"] for name in LABELS}


def read(catalogue: str) -> dict[str, dict[str, Any]]:
    """A catalogue as it stands: key → language → text, and the languages reviewed."""
    text = files("fadeout.treaty").joinpath("words", f"{catalogue}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
