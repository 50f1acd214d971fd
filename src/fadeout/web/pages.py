"""Pages from templates: with the reader's language, who is there, and what may be done.

Reads   templates, catalogs of words
Gives   `Pages.page`, a response; `language_of`
Knows   languages and which way they run; nothing of records
Start   at `Pages.page`
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from babel.messages.pofile import read_po
from fastapi import Request
from fastapi.responses import HTMLResponse

from fadeout.exchange import languages
from fadeout.web.permissions import Present

HERE = Path(str(files("fadeout.web")))
LANGUAGES = ("en", "fr", "ar", "uk")
REVIEWED = ("en",)  # by a person who speaks it
COOKIE = "fadeout_lang"
PLACES = (  # the rail: address, name, permission, key
    ("/map", "Map", "look", "m"),
    ("/records", "Records", "look", "r"),
    ("/intake", "Intake", "intake", "i"),
    ("/assess", "Assess", "assess", "a"),
    ("/release", "Release", "look", "l"),
    ("/field", "Field", "field", "f"),
    ("/treaty", "Treaty", "look", "t"),
    ("/log", "Log", "log", "g"),
    ("/accounts", "Accounts", "accounts", "u"),
)


@cache
def words_of(lang: str) -> dict[str, str]:
    """What a language says for each English text; empty for English."""
    path = HERE / "locales" / f"{lang}.po"
    if lang == "en" or not path.exists():
        return {}
    with path.open("rb") as file:
        catalog = read_po(file, locale=lang)
    return {str(one.id): str(one.string) for one in catalog if one.id and one.string}


def language_of(request: Request) -> str:
    """The language chosen, else the first of the browser's that there is, else English."""
    chosen = request.cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    for part in request.headers.get("accept-language", "").split(","):
        lang = part.split(";")[0].strip()[:2].lower()
        if lang in LANGUAGES:
            return lang
    return "en"


def label(name: str) -> str:
    """A column's name as people read it.

    Examples
    --------
    >>> label("position_error_m"), label("hazardous_area")
    ('Position error (m)', 'Hazardous area')
    """
    for unit, shown in (("_m2", "m²"), ("_cm", "cm"), ("_m", "m"), ("_min", "min")):
        if name.endswith(unit):
            name = f"{name.removesuffix(unit)} ({shown})"
    return name.replace("_", " ")[:1].upper() + name.replace("_", " ")[1:]


class Pages:
    """The templates, one environment for all languages."""

    def __init__(self) -> None:
        loader = jinja2.FileSystemLoader(HERE / "templates")
        self.environment = jinja2.Environment(
            loader=loader,
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters["label"] = label

    @staticmethod
    def say(request: Request) -> Callable[..., str]:
        """What says an English text in the reader's language, values set in where it names them."""
        words = words_of(language_of(request))

        def say(text: str, **named: Any) -> str:
            found = words.get(text, text)
            return found.format(**named) if named else found

        return say

    def page(
        self,
        request: Request,
        template: str,
        present: Present | None = None,
        status: int = 200,
        **values: Any,
    ) -> HTMLResponse:
        """Fill a template for a request."""
        lang = language_of(request)
        ours = (
            request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
        )  # no link puts words in our mouth
        filled = self.environment.get_template(template).render(
            _=self.say(request),
            lang=lang,
            direction=languages.direction(lang),
            unreviewed=lang not in REVIEWED,
            languages=[(one, languages.own_name(one)) for one in LANGUAGES],
            present=present,
            csrf=present.csrf if present else "",
            places=[one for one in PLACES if present and present.may(one[2])],
            here=request.url.path,
            changed=request.query_params.get("changed", ""),
            said=request.query_params.get("said", "") if ours else "",
            **values,
        )
        return HTMLResponse(filled, status)
