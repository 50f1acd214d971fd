"""Names of states in the six languages of the United Nations, as Unicode's CLDR gives them.

Reads   CLDR through Babel, an extra
Gives   names by ISO 3166-1 alpha-3 code, codes of other kinds, which way a script runs
Knows   no politics: CLDR's name is a name in use, and the registry's own English name stands beside it
Start   at `names`
"""

from __future__ import annotations

from functools import cache
from typing import Any

from fadeout.errors import InputRefused, Problem

NOWHERE = "ZZ"  # CLDR's code for what it does not know
FORMER = (
    "BUR",
    "DDR",
    "FXX",
    "ROM",
    "TMP",
    "YMD",
    "ZAR",
)  # codes withdrawn from ISO 3166-1 that CLDR still reads
UNITED_NATIONS = ("ar", "en", "es", "fr", "ru", "zh")


def names(state: str) -> dict[str, str]:
    """A state's name in each language; empty where CLDR has no such code.

    Examples
    --------
    >>> names("LAO")["fr"], names("LAO")["zh"], names("area-kosovo")
    ('Laos', '老挝', {})
    """
    two = alpha2(state)
    known = two in _locale("en").territories
    return {lang: str(_locale(lang).territories[two]) for lang in UNITED_NATIONS} if known else {}


def direction(lang: str) -> str:
    """Which way a language is written: ltr or rtl.

    Examples
    --------
    >>> direction("ar"), direction("fr")
    ('rtl', 'ltr')
    """
    return str(_locale(lang).text_direction)


def own_name(lang: str) -> str:
    """What a language calls itself.

    Examples
    --------
    >>> own_name("fr"), own_name("ru")
    ('français', 'русский')
    """
    return str(_locale(lang).display_name)


def alpha2(state: str) -> str:
    """The two-letter code of a three-letter one, "" where there is none.

    Examples
    --------
    >>> alpha2("SSD"), alpha2("area-kosovo")
    ('SS', '')
    """
    two = _aliases().get(state, "") if len(state) == 3 and state.isalpha() else ""
    return "" if two == NOWHERE else two


@cache
def by_number() -> dict[str, str]:
    """Three-letter codes by the number of ISO 3166-1, written with three digits.

    Examples
    --------
    >>> by_number()["418"]
    'LAO'
    """
    three = {
        two: code
        for code, two in _aliases().items()
        if len(code) == 3 and code.isalpha() and code not in FORMER
    }
    return {code: three[two] for code, two in _aliases().items() if code.isdigit() and two in three}


@cache
def _aliases() -> dict[str, str]:
    aliases = _babel().get_global("territory_aliases")
    return {code: found[0] for code, found in aliases.items() if len(found) == 1}


@cache
def _locale(lang: str) -> Any:
    return _babel().Locale(lang)


def _babel() -> Any:
    try:
        import babel.core
    except ImportError as error:
        raise InputRefused([Problem("words.no-library", "Babel is not installed", "./run extras")]) from error
    return babel.core
