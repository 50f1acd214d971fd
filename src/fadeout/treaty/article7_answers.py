"""What a State answers itself in an Article 7 report: a TOML file with a table for each form.

Reads   TOML, as `[A]` with text, rows, not_applicable; `[C]` also filing
Gives   `Answers`, or every fault of the file as `Problem`
Knows   which columns the rows of a form may have
Start   at `read`
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fadeout.errors import InputRefused, Problem

WHOLE = ("quantity", "m2")  # columns of whole numbers
KEYS = ("text", "rows", "not_applicable")


@dataclass(frozen=True)
class Answer:
    """What is answered to one form."""

    text: str = ""
    rows: tuple[Mapping[str, str | int], ...] = ()
    not_applicable: bool = False
    filing: str = ""  # form C: where the State's own filing stands


@dataclass(frozen=True)
class Answers:
    """What is answered to all forms; a form that is not named is not answered."""

    forms: Mapping[str, Answer] = field(default_factory=dict)

    def of(self, key: str) -> Answer:
        """The answer to a form, empty where there is none."""
        return self.forms.get(key, Answer())


def read(given: bytes, name: str, forms: Sequence[Mapping[str, Any]], lines: Sequence[str]) -> Answers:
    r"""Read answers.

    Raises
    ------
    InputRefused
        With every fault of the file.

    Examples
    --------
    >>> form = {"key": "A", "columns": ["measure", "dated"]}
    >>> read(b'[A]\nrows = [{ measure = "Law 12" }]', "answers.toml", [form], ()).of("A").rows
    ({'measure': 'Law 12'},)
    """
    try:
        table = tomllib.loads(given.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        remedy = 'mend the line: [A], then text = "…" or rows = [{ … }]'
        raise InputRefused(
            [Problem("article7.answers", f"this is not TOML: {error}", remedy, name)]
        ) from error
    known = {str(form["key"]): form for form in forms}
    problems = [
        Problem("article7.answers", f"there is no form '{key}'", f"write one of {', '.join(known)}", name)
        for key in table
        if key not in known
    ]
    for key in table.keys() & known.keys():
        problems += _faults(key, table[key], known[key]["columns"], lines, name)
    if problems:
        raise InputRefused(sorted(problems, key=lambda one: one.message))
    return Answers({key: _answer(entry) for key, entry in table.items()})


def _faults(
    key: str, entry: Any, columns: Sequence[str], lines: Sequence[str], name: str
) -> Iterator[Problem]:
    if not isinstance(entry, dict):
        yield Problem("article7.answers", f"form {key} is no table", f"write [{key}] above its answers", name)
        return
    allowed = (*KEYS, "filing") if key == "C" else KEYS
    for word in entry.keys() - set(allowed):
        yield Problem(
            "article7.answers",
            f"form {key}: there is no '{word}'",
            f"write one of {', '.join(allowed)}",
            name,
        )
    for word, kind, remedy in (
        ("text", str, "a text"),
        ("filing", str, "a text"),
        ("not_applicable", bool, "true or false"),
    ):
        if word in entry and not isinstance(entry[word], kind):
            yield Problem(
                "article7.answers", f"form {key}: {word} is {entry[word]!r}", f"write {remedy}", name
            )
    rows = entry.get("rows", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        yield Problem(
            "article7.answers", f"form {key}: rows are no list of tables", "write rows = [{ … }, { … }]", name
        )
        return
    if rows and not columns:
        yield Problem("article7.answers", f"form {key} takes no rows", "write text", name)
    for n, row in enumerate(rows, 1):
        yield from _row_faults(key, n, row, columns, lines, name)


def _row_faults(
    key: str, n: int, row: Mapping[str, Any], columns: Sequence[str], lines: Sequence[str], name: str
) -> Iterator[Problem]:
    for word, value in row.items():
        where = f"form {key}, row {n}: {word}"
        if word not in columns:
            yield Problem(
                "article7.answers", f"{where} is no column", f"write one of {', '.join(columns)}", name
            )
        elif word in WHOLE and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            yield Problem("article7.answers", f"{where} is {value!r}", "write a whole number", name)
        elif word not in WHOLE and not isinstance(value, str):
            yield Problem("article7.answers", f"{where} is {value!r}", 'write a text in quotes: "…"', name)
        elif word == "line" and value not in lines:
            yield Problem(
                "article7.answers", f"{where} is '{value}'", f"write one of {', '.join(lines)}", name
            )
    if "line" in columns and not {"line", "m2"} <= row.keys():
        yield Problem("article7.answers", f"form {key}, row {n} lacks line or m2", "give both", name)


def _answer(entry: Mapping[str, Any]) -> Answer:
    return Answer(
        str(entry.get("text", "")).strip(),
        tuple(entry.get("rows", ())),
        bool(entry.get("not_applicable", False)),
        str(entry.get("filing", "")).strip(),
    )
