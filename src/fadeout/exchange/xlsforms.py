"""The forms that surveyors fill in on a telephone: kept as TOML to review, written as XLSForm.

Reads   xlsforms/*.toml, one form each
Gives   `Form`s, and .xlsx files that KoboToolbox and ODK Central take
Knows   XLSForm (https://xlsform.org/en/); nothing of submissions or of what a field means
Start   at `write_form`; `load` gives a form to whoever reads its submissions

Every form also keeps when it was begun and ended on the device, and in `record_kind` the kind of record that it makes, so
that a submission says by itself what it is. It keeps no device id, telephone number, user name or e-mail address.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from openpyxl import Workbook  # type: ignore[import-untyped]
from openpyxl.styles import Font  # type: ignore[import-untyped]

from fadeout.errors import InputRefused, Problem

FORMS = ("evidence", "searched", "hazardous_area", "accident")
LANGUAGES = {"en": "English (en)", "fr": "French (fr)"}
DRAFTS = ("fr",)  # languages whose words no native speaker of the field has reviewed
RECORD_KIND = "record_kind"  # the question whose answer is the kind of record
TRANSLATED = ("label", "hint", "constraint_message", "required_message")
PLAIN = ("required", "constraint", "relevant", "default", "calculation", "parameters", "appearance")
GEOMETRIES = ("geopoint", "geotrace", "geoshape")

Words = dict[str, str]  # language → words


@dataclass(frozen=True)
class Question:
    """One row of the survey sheet; `words` hold label, hint and messages, `plain` the columns without language."""

    name: str
    type: str
    words: dict[str, Words] = field(default_factory=dict)
    plain: dict[str, str] = field(default_factory=dict)
    choices: dict[str, Words] = field(default_factory=dict)  # name of a choice → its label

    @property
    def answers(self) -> bool:
        """Whether somebody answers it; a note is only read."""
        return self.type != "note"


@dataclass(frozen=True)
class Form:
    """One form: the kind of record it makes, and its questions in their order."""

    id: str
    kind: str
    version: str
    title: Words
    instance_name: str
    questions: tuple[Question, ...]

    def question(self, name: str) -> Question | None:
        """The question of that name, None if the form has none such."""
        return next((one for one in self.questions if one.name == name), None)

    @property
    def geometries(self) -> tuple[str, ...]:
        """Names of the questions that ask for a place, a line or an outline."""
        return tuple(one.name for one in self.questions if one.type in GEOMETRIES)


@lru_cache(maxsize=16)
def load(name: str) -> Form:
    """Read a form by the name of its kind.

    Raises
    ------
    InputRefused
        If no form of that name is shipped.

    Examples
    --------
    >>> [one.name for one in load("accident").questions if one.type == "integer"]
    ['killed', 'injured']
    """
    if name not in FORMS:
        message = f"there is no form '{name}'"
        raise InputRefused([Problem("forms.unknown-form", message, f"write one of {', '.join(FORMS)}")])
    text = files("fadeout.exchange").joinpath(f"xlsforms/{name}.toml").read_text(encoding="utf-8")
    given = tomllib.loads(text)
    choices = given.get("choices", {})
    questions = tuple(_question(one, choices.get(one["name"], {})) for one in given["question"])
    return Form(
        given["id"], given["kind"], given["version"], given["title"], given["instance_name"], questions
    )


def _question(given: dict[str, Any], choices: dict[str, Words]) -> Question:
    words = {about: given[about] for about in TRANSLATED if about in given}
    plain = {about: _cell(given[about]) for about in PLAIN if about in given}
    return Question(given["name"], given["type"], words, plain, choices)


def _cell(value: object) -> str:
    """XLSForm writes yes and no, not true and false."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def write_form(name: str, path: Path) -> Path:
    """Write a form as XLSForm (.xlsx) and give its path.

    Raises
    ------
    InputRefused
        If no form of that name is shipped, or the file cannot be written.
    """
    form = load(name)
    book = Workbook()
    sheets = {"survey": survey_rows(form), "choices": _choice_rows(form), "settings": _settings_rows(form)}
    sheets["about"] = _about_rows(form)
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append([value or None for value in row])
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        sheet.freeze_panes = "A2"
    try:
        book.save(path)
    except OSError as error:
        message = f"the form cannot be written: {error.strerror or error}"
        raise InputRefused([Problem("forms.unwritable", message, "check the folder", path.name)]) from error
    return path


def write_all(folder: Path) -> list[Path]:
    """Write every form into a folder, which is made if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the folder cannot be made: {error.strerror or error}"
        raise InputRefused([Problem("forms.unwritable", message, "name another", folder.name)]) from error
    return [write_form(name, folder / f"{load(name).id}.xlsx") for name in FORMS]


def survey_rows(form: Form) -> list[list[str]]:
    """The survey sheet, header first."""
    header = ["type", "name", *_columns(TRANSLATED), *PLAIN]
    rows = [
        {"type": "start", "name": "start"},
        {"type": "end", "name": "end"},
        {"type": "calculate", "name": RECORD_KIND, "calculation": f"'{form.kind}'"},
        *(_survey_row(question) for question in form.questions),
    ]
    used = [name for name in header if any(row.get(name) for row in rows)]
    return [used, *([row.get(name, "") for name in used] for row in rows)]


def _survey_row(question: Question) -> dict[str, str]:
    kind = f"{question.type} {question.name}" if question.choices else question.type
    words = {
        _column(about, language): text
        for about, by_language in question.words.items()
        for language, text in by_language.items()
    }
    return {"type": kind, "name": question.name, **words, **question.plain}


def _choice_rows(form: Form) -> list[list[str]]:
    rows = [["list_name", "name", *_columns(("label",))]]
    for question in form.questions:
        for name, words in question.choices.items():
            rows.append([question.name, name, *(words[language] for language in LANGUAGES)])
    return rows


def _settings_rows(form: Form) -> list[list[str]]:
    header = ["form_title", "form_id", "version", "default_language", "instance_name"]
    return [header, [form.title["en"], form.id, form.version, LANGUAGES["en"], form.instance_name]]


def _about_rows(form: Form) -> list[list[str]]:
    """A sheet for those who review the form; form servers pass it over."""
    rows = [["what", "words"], ["record kind", form.kind], ["version", form.version]]
    for language, name in LANGUAGES.items():
        state = "DRAFT, needs native review" if language in DRAFTS else "the words of the project"
        rows.append([name, f"{form.title[language]}: {state}"])
    return rows


def _column(about: str, language: str) -> str:
    return f"{about}::{LANGUAGES[language]}"


def _columns(about: tuple[str, ...]) -> list[str]:
    return [_column(one, language) for one in about for language in LANGUAGES]
