"""The words of pages in other languages: none is missing, every value that a text names stays named."""

from __future__ import annotations

import re

import pytest
from babel.messages.pofile import read_po

from fadeout.web.pages import HERE, LANGUAGES
from fadeout.web.words import missing, texts

OTHERS = LANGUAGES[1:]


def catalog(lang: str) -> dict[str, str]:
    with (HERE / "locales" / f"{lang}.po").open("rb") as file:
        return {str(one.id): str(one.string) for one in read_po(file, locale=lang) if one.id}


@pytest.mark.parametrize("lang", OTHERS)
def test_every_text_has_a_translation_that_names_the_same_values(lang: str) -> None:
    assert missing(lang) == []
    wrong = [
        english
        for english, said in catalog(lang).items()
        if set(re.findall(r"\{\w+\}", english)) != set(re.findall(r"\{\w+\}", said))
    ]
    assert wrong == []


@pytest.mark.parametrize("lang", OTHERS)
def test_no_text_stands_in_a_catalog_that_no_page_says(lang: str) -> None:
    assert set(catalog(lang)) - set(texts()) == set()


def test_no_page_says_that_ground_is_safe() -> None:
    assert [text for text in texts() if re.search(r"\bsafe\b", text, re.IGNORECASE)] == []


@pytest.mark.parametrize(("lang", "word"), [("fr", r"\bsûre?s?\b"), ("ar", "آمن"), ("uk", r"\bбезпечн")])
def test_no_translation_says_it_either(lang: str, word: str) -> None:
    assert [said for said in catalog(lang).values() if re.search(word, said, re.IGNORECASE)] == []
