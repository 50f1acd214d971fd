"""Every English text that pages say, and the catalogs of other languages brought up to it.

Reads   templates, and the tables whose words pages show
Gives   `texts`; locales/*.po with every text, those not yet translated empty
Knows   nothing of requests
Start   at `main`: `./run python -m fadeout.web.words`, after which new texts wait in the catalogs
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from fadeout.jobs import registry_pages, run_views
from fadeout.records import queue, standard
from fadeout.records.accounts import ROLES
from fadeout.records.catalogue import CHECKED, CLAIM_KINDS, CONFIDENCES, KINDS, RESTRICTED, fields_of
from fadeout.web import field_pages, map_pages
from fadeout.web.faults import TITLES
from fadeout.web.pages import HERE, LANGUAGES, PLACES, label

CLAIMS = ("claim", "claim_source")
STATES = (queue.QUEUED, queue.RUNNING, queue.DONE, queue.FAILED, queue.CANCELLED)
ACTIONS = ("new", "changed", "withdrawn", "restored")
FLAGS = ("evidence changed", "edge not found", "stands on nothing")  # of jobs.land_release.flags
GROUNDS = ("Ground outside the hazardous area", "All assessed ground", "Ground inside the hazardous area")


def texts() -> list[str]:
    """Every text once, in the order of the alphabet."""
    return sorted({*_of_templates(), *_of_tables()})


def _of_templates() -> Iterator[str]:
    for path in sorted((HERE / "templates").glob("*.html")):
        with io.BytesIO(path.read_bytes()) as file:
            for _, found, _, _ in extract("jinja2.ext.babel_extract", file, keywords={"_": None}):
                yield found if isinstance(found, str) else found[0]


def _of_tables() -> Iterator[str]:
    for kind in KINDS.values():
        if kind.sensitivity == RESTRICTED or kind.name in CLAIMS:
            continue
        yield from (kind.title, kind.about, label(kind.name))
        for field in fields_of(kind):
            yield from (label(field.name), field.about, *map(label, field.choices))
    for role, (about, _) in ROLES.items():
        yield from (label(role), about)
    yield from (name for _, name, _, _ in PLACES)
    yield from TITLES.values()
    yield from map_pages.NAMES.values()
    yield from map_pages.WORDS.values()
    yield from (words for words, _, _ in run_views.LAYERS.values())
    yield from (*run_views.FIGURES, *STATES, *ACTIONS, *GROUNDS, *FLAGS)
    for table in (
        field_pages.EVIDENCE,
        field_pages.OUTCOMES,
        field_pages.HOW,
        field_pages.STATES,
        field_pages.WHAT_FOR,
    ):
        yield from table.values()
    for name in standard.SHIPPED:
        yield from (look.name for look in standard.load(name).states.values())
    yield from (*registry_pages.STATUS_WORDS.values(), *registry_pages.INSIDE.values())
    yield from map(label, (*CLAIM_KINDS, *CONFIDENCES, *CHECKED))


def missing(lang: str) -> list[str]:
    """Texts that a language's catalog does not translate."""
    with (HERE / "locales" / f"{lang}.po").open("rb") as file:
        catalog = read_po(file, locale=lang)
    found = {text: catalog.get(text) for text in texts()}
    return [text for text, message in found.items() if message is None or not message.string]


def main() -> None:
    """Bring each catalog up to the texts: translations stay, texts that are gone go."""
    template = Catalog()
    for text in texts():
        template.add(text)
    for lang in LANGUAGES[1:]:
        path = HERE / "locales" / f"{lang}.po"
        path.parent.mkdir(exist_ok=True)
        catalog = Catalog(locale=lang)
        if path.exists():
            with path.open("rb") as file:
                catalog = read_po(file, locale=lang)
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        catalog.project, catalog.version, catalog.fuzzy = "fadeout", "staff server", False
        catalog.header_comment = (
            f"# The staff server in {catalog.locale.english_name if catalog.locale else lang}."
        )
        catalog.last_translator = catalog.language_team = catalog.msgid_bugs_address = ""
        catalog.creation_date = catalog.revision_date = datetime(
            2026, 1, 1, tzinfo=UTC
        )  # no time in the files
        with path.open("wb") as file:
            write_po(file, catalog, omit_header=False, sort_output=True, width=120)
        print(f"{lang}: {len(missing(lang))} of {len(texts())} texts wait for a translation")


if __name__ == "__main__":
    main()
