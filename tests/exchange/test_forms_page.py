"""The page on forms says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

from fadeout.exchange import shipped_maps, xlsforms
from fadeout.exchange.collecting import SERVICES, TOKEN_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "forms.md").read_text(encoding="utf-8")
CODE = re.compile(r"[\"`]((?:forms|collect)\.[a-z]+(?:-[a-z]+)*)[\"`]")


def codes_in_source() -> set[str]:
    return {
        code
        for path in (ROOT / "src").rglob("*.py")
        for code in CODE.findall(path.read_text(encoding="utf-8"))
    }


def test_the_page_names_every_code_and_no_other() -> None:
    assert set(CODE.findall(PAGE)) == codes_in_source()


def test_the_page_names_every_form_with_its_kind() -> None:
    for name in xlsforms.FORMS:
        form = xlsforms.load(name)
        assert f"| `{form.id}.xlsx` | `{form.kind}` |" in PAGE


def test_the_page_names_every_map_service_and_the_variable_of_the_token() -> None:
    wanted = [*shipped_maps.names(), *(f"--service {one}" for one in SERVICES), TOKEN_VARIABLE]
    assert [one for one in wanted if one not in PAGE] == []


def test_the_page_says_which_languages_are_drafts() -> None:
    drafts = [xlsforms.LANGUAGES[one].split(" ")[0] for one in xlsforms.DRAFTS]
    assert [one for one in drafts if f"{one} is a draft" not in PAGE] == []
