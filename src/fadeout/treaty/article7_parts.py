"""Forms A to J, each filled as far as records and answers go; what is missing is a question.

Reads   a form's words, `Gathered`, `Answers`
Gives   a `Section` for each form
Knows   what each form takes from the records; form C is never written here
Start   at `Form.section`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fadeout.exchange.documents import Cell, Section, Table
from fadeout.records.counts import LIMIT
from fadeout.treaty.article7_answers import Answers
from fadeout.treaty.article7_found import LINES, Gathered, moved
from fadeout.treaty.phrases import Phrases


@dataclass
class Form:
    """One form on its way: its words, what the records say, what the State answers."""

    form: Mapping[str, Any]
    found: Gathered
    answers: Answers
    say: Phrases

    def section(self) -> Section:
        key = self.form["key"]
        tables: list[Table] = []
        words: list[str] = []
        gaps: list[str] = []
        make = {"C": self.filing, "F": self.areas, "G": self.education, "H": self.victims}.get(key)
        given = self.answers.of(key)
        if make is not None:
            make(tables, words, gaps)
        elif not given.text and not given.rows:
            gaps.append(self.say("answer_gap", key=key))
        if given.rows and key != "F":
            columns = tuple(self.form["columns"])
            rows = tuple(tuple(row.get(name, "") for name in columns) for row in given.rows)
            tables.append(Table(self.say("answers_caption"), columns, rows))
        if given.text:
            words.append(given.text)
            gaps = []
        asks = self.form["asks"][self.say.lang]
        if self.form["letters"]:
            asks = self.say("cell_asks", letters=self.form["letters"], asks=asks)
        elif "article" in self.form:
            asks = f"{self.form['article'][self.say.lang]}: {asks}"
        if given.not_applicable:
            tables, words, gaps = [], [], []
        return Section(key, self.form["title"][self.say.lang], "", (asks, *words), tuple(tables), tuple(gaps))

    def filing(self, tables: list[Table], words: list[str], gaps: list[str]) -> None:
        words.append(self.say("filing_note"))
        filing = self.answers.of("C").filing
        if filing:
            words.append(self.say("filing", filing=filing))
        else:
            gaps.append(self.say("filing_gap"))

    def areas(self, tables: list[Table], words: list[str], gaps: list[str]) -> None:
        say, found = self.say, self.found
        if not found.ledger.by_area:
            gaps.append(say("no_area"))
            return
        words.append(say("ledger_method", method=_sentence(found.ledger.method)))
        tables.append(ledger_table(found, say))
        columns = (say("col_area"), *(say(f"short_{name}") for name in LINES))
        by_area = sorted(entry for entry in found.ledger.by_area.items() if moved(entry[1]))
        tables.append(
            Table(
                say("areas_by_caption"),
                columns,
                tuple((id, *(getattr(line, name) for name in LINES)) for id, line in by_area),
                tuple((id,) for id, _ in by_area),
            )
        )
        names = ("col_area", "col_kind", "col_place", "col_types", "col_since")
        tables.append(
            Table(
                say("areas_caption", year=found.year),
                (*(say(name) for name in names), say("col_m2")),
                tuple(
                    (
                        one.id,
                        say(one.state),
                        one.place,
                        one.types or say("unknown"),
                        one.since,
                        found.ledger.by_area[one.id].closing,
                    )
                    for one in found.areas
                ),
                tuple((one.id,) for one in found.areas),
            )
        )
        total = sum(number for _, number, _ in found.destroyed)
        rows: list[tuple[Cell, ...]] = [
            (type_ or say("unknown"), number) for type_, number, _ in found.destroyed
        ]
        if rows:
            rows.append((say("total"), total))
        tables.append(
            Table(
                say("destroyed_caption", year=found.year),
                (say("col_type"), say("col_count")),
                tuple(rows),
                tuple(ids for _, _, ids in found.destroyed),
            )
        )
        gaps += [say("use_gap"), say("plan_gap")]

    def education(self, tables: list[Table], words: list[str], gaps: list[str]) -> None:
        say = self.say
        names = ("place", "language", "sessions", "women", "men", "girls", "boys", "disability")
        tables.append(
            Table(
                say("sessions_caption", year=self.found.year),
                tuple(say(f"col_{name}") for name in names),
                tuple((one.place, one.language, len(one.ids), *one.people) for one in self.found.sessions),
                tuple(one.ids for one in self.found.sessions),
            )
        )
        gaps.append(say("warning_gap"))

    def victims(self, tables: list[Table], words: list[str], gaps: list[str]) -> None:
        say, counted = self.say, self.found.victims
        if counted is None:
            words.append(say("victims_none"))
        elif all(number is None for number in counted.cells.values()):
            words.append(say("victims_withheld", limit=LIMIT))
        else:
            rows = tuple((*cell, number) for cell, number in counted.cells.items())
            columns = (say("col_sex"), say("col_age"), say("col_count"))
            tables.append(Table(say("victims_caption", year=self.found.year), columns, rows))
            words.append(counted.words)
        gaps += [say("answer_gap", key="H"), say("disability_gap")]
        if self.found.unrecorded:
            gaps.append(say("victims_unrecorded"))


def ledger_table(found: Gathered, say: Phrases) -> Table:
    """The area ledger of the year, a row a line, with the areas and releases behind it."""
    total = found.ledger.total
    rows = tuple((say(f"line_{name}"), getattr(total, name)) for name in LINES)
    behind = []
    for name in LINES:
        areas = [id for id, line in found.ledger.by_area.items() if getattr(line, name)]
        releases = [row.id for row in found.ledger.releases if row.action == name]
        behind.append(tuple(sorted(areas) + sorted(releases)))
    caption = say("ledger_caption", year=found.year)
    return Table(caption, (say("col_line"), say("col_m2")), rows, tuple(behind))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
