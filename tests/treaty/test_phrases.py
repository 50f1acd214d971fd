"""Every text is there in both languages with the same values to put in, and a translation nobody read is a draft."""

from __future__ import annotations

from string import Formatter

import pytest

from fadeout.errors import InputRefused
from fadeout.treaty.article7 import form_set
from fadeout.treaty.phrases import LANGUAGES, phrases, read

CATALOGUES = ("article7", "extension_request")


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_every_text_stands_in_every_language_with_the_same_values(catalogue: str) -> None:
    for key, entry in read(catalogue).items():
        assert set(LANGUAGES) <= set(entry), key
        assert len({frozenset(fields(entry[lang])) for lang in LANGUAGES}) == 1, key


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_french_is_not_called_reviewed_before_somebody_did(catalogue: str) -> None:
    assert phrases(catalogue).reviewed
    assert not phrases(catalogue, "fr").reviewed


def test_every_form_has_its_words_in_both_languages() -> None:
    for form in form_set().forms:
        assert set(form["title"]) == set(form["asks"]) == set(LANGUAGES)


def test_a_language_without_texts_is_refused() -> None:
    with pytest.raises(InputRefused, match="no texts in 'xx'"):
        phrases("article7", "xx")
