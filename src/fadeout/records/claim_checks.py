"""Whether claims can be: every fault of every row, told with its file and row.

Reads   rows of the registry's tables, or claims that somebody wants to store
Gives   `Problem`s with stable codes
Knows   the forms of values, and which dates the Convention rules out
Start   at `problems`
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from fadeout.errors import Problem
from fadeout.records.catalogue import CHECKED, CLAIM_KINDS, CONFIDENCES
from fadeout.records.claims import MUNITION, PROPERTIES, WORLD

OPENED = date(2008, 12, 3)  # opened for signature (Article 15)
ONGOING = "ongoing"
# Digits of other scripts are digits to a regular expression, not to what reads dates: hence 0-9, not \d.
PARTIAL = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,15})?"
RANGE = re.compile(rf"({NUMBER})(?:\.\.({NUMBER}))?")
BOUND = re.compile(rf"[<>]({NUMBER})")
WORD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")

FORMULA = tuple("=+-@\t\r")  # what makes a spreadsheet calculate
SOURCES, STATES, MUNITIONS = "sources", "states", "munitions"
SUBJECT_KINDS = ("state", "area")


@dataclass(frozen=True)
class Row:
    """One row of a file: where it stands, and its cells by column."""

    file: str
    row: int | None
    values: Mapping[str, str]

    def problem(self, code: str, message: str, remedy: str) -> Problem:
        """A fault of this row."""
        return Problem(
            code,
            f"{self.values.get('id', '') or 'a row without id'}: {message}",
            remedy,
            self.file,
            row=self.row,
        )


Tables = Mapping[str, Sequence[Row]]


def problems(tables: Tables) -> list[Problem]:
    """All that is wrong with the rows of a registry, in the order of files and rows.

    Examples
    --------
    >>> claim = {"id": "X-1", "subject": "XXX", "property": "deposit", "value": "2010-02-30", "source_id": "s",
    ...          "kind": "press", "confidence": "alleged", "checked": "recalled", "starts": "", "ends": "", "other": ""}
    >>> [one.code for one in problems({"status": [Row("status.csv", 1, claim)]})]
    ['registry.unknown-subject', 'registry.bad-value', 'registry.no-source']
    """
    claims = [
        row for name, rows in tables.items() if name not in (SOURCES, STATES, MUNITIONS) for row in rows
    ]
    known = Known(
        frozenset(_ids(tables.get(STATES, ()))) | {WORLD},
        frozenset(_ids(tables.get(MUNITIONS, ()))),
        frozenset(_ids(tables.get(SOURCES, ()))),
    )
    found: list[Problem] = []
    for rows in (claims, *(tables.get(name, ()) for name in (SOURCES, STATES, MUNITIONS))):
        found += _twice(rows)
    for name in tables:
        found += [fault for row in tables[name] for fault in _formulas(row)]
    for row in claims:
        found += claim_faults(row, known)
    for row in tables.get(SOURCES, ()):
        found += _source_faults(row)
    for name in (STATES, MUNITIONS):
        found += [fault for row in tables.get(name, ()) for fault in _name_faults(row)]
    return found + list(order_faults(claims))


@dataclass(frozen=True)
class Known:
    """Ids that a claim may name."""

    subjects: frozenset[str]
    munitions: frozenset[str]
    sources: frozenset[str]


def claim_faults(row: Row, known: Known) -> Iterator[Problem]:
    """What is wrong with one claim by itself."""
    one = row.values
    about = PROPERTIES.get(one["property"])
    yield from _subject_faults(row, known)
    if about is None:
        yield row.problem(
            "registry.unknown-property",
            f"there is no property '{one['property'][:40]}'",
            f"write one of {', '.join(PROPERTIES)}",
        )
    else:
        if about.form == "words" and not one["value"]:
            yield row.problem("registry.bad-value", "value is empty", "say what is claimed")
        elif about.form != "words" and not fits(about.form, one["value"]):
            yield row.problem(
                "registry.bad-value", f"value is '{one['value'][:40]}'", f"{about.about}: {FORMS[about.form]}"
            )
        if one["property"] in ("transfer", "use") and not one["other"]:
            yield row.problem("registry.bad-value", "other is empty", "say the other party, or unattributed")
        if one["property"] == "transfer" and one["other"] and one["other"] not in known.subjects:
            yield row.problem(
                "registry.unknown-subject",
                f"there is no state '{one['other'][:40]}'",
                "write its ISO 3166-1 alpha-3 code",
            )
    yield from _time_faults(row)
    if not one["source_id"]:
        yield row.problem(
            "registry.no-source", "it has no source", "name a source of sources.csv in source_id"
        )
    elif one["source_id"] not in known.sources:
        yield row.problem(
            "registry.no-source", f"there is no source '{one['source_id'][:40]}'", "add it to sources.csv"
        )
    for name, allowed in (("kind", CLAIM_KINDS), ("confidence", CONFIDENCES), ("checked", CHECKED)):
        if one[name] not in allowed:
            yield row.problem(
                "registry.bad-word", f"{name} is '{one[name][:40]}'", f"write one of {', '.join(allowed)}"
            )


def _subject_faults(row: Row, known: Known) -> Iterator[Problem]:
    subject = row.values["subject"]
    if subject.startswith(MUNITION):
        if subject.removeprefix(MUNITION) not in known.munitions:
            yield row.problem(
                "registry.unknown-subject", f"there is no {subject[:60]}", "add it to munitions.csv"
            )
    elif subject not in known.subjects:
        remedy = "write a code of states.csv (ISO 3166-1 alpha-3), such as LAO"
        yield row.problem("registry.unknown-subject", f"there is no state '{subject[:40]}'", remedy)
    about = PROPERTIES.get(row.values["property"])
    if about and (about.of == "munition") != subject.startswith(MUNITION):
        remedy = f"'{row.values['property']}' is said of a {about.of}"
        yield row.problem("registry.unknown-subject", f"the subject is '{subject[:40]}'", remedy)


def _time_faults(row: Row) -> Iterator[Problem]:
    starts, ends = row.values["starts"], row.values["ends"]
    remedy = "write a year, a month or a day: 2023, 2023-07 or 2023-07-07; ends may be ongoing"
    bad = [
        f"{name} is '{value[:20]}'"
        for name, value in (("starts", starts), ("ends", ends))
        if value and not is_partial(value) and not (name == "ends" and value == ONGOING)
    ]
    for message in bad:
        yield row.problem("registry.bad-date", message, remedy)
    if not bad and starts and ends and ends != ONGOING and last_day(ends) < first_day(starts):
        yield row.problem(
            "registry.bad-date", f"it ends ({ends}) before it starts ({starts})", "correct one of them"
        )


def _source_faults(row: Row) -> Iterator[Problem]:
    if not row.values["who"]:
        yield row.problem("registry.no-source", "nobody is named as the source", "say who says so")
    if row.values["dated"] and not is_partial(row.values["dated"]):
        yield row.problem(
            "registry.bad-date", f"dated is '{row.values['dated'][:20]}'", "write 2023, 2023-07 or 2023-07-07"
        )


def _name_faults(row: Row) -> Iterator[Problem]:
    """A state, an area or a munition type: it has a name, and a state or area says which of both it is."""
    if not row.values["name"]:
        yield row.problem("registry.no-name", "it has no name", "write its name")
    kind = row.values.get("kind", SUBJECT_KINDS[0])  # munition types have none
    if kind not in SUBJECT_KINDS:
        remedy = f"write one of {', '.join(SUBJECT_KINDS)}"
        yield row.problem("registry.bad-word", f"kind is '{kind[:40]}'", remedy)


def _formulas(row: Row) -> Iterator[Problem]:
    """Cells that a spreadsheet would calculate: nothing of the registry begins so, and its tables need no guard."""
    for name, value in row.values.items():
        if value[:1] in FORMULA:
            yield row.problem(
                "registry.bad-value", f"{name} begins with '{value[:1]}'", "begin it with a word"
            )


def _twice(rows: Iterable[Row]) -> Iterator[Problem]:
    """Ids that stand twice: which of two claims would be meant?"""
    seen: dict[str, Row] = {}
    for row in rows:
        id = row.values["id"]
        if not WORD_ID.fullmatch(id):
            yield row.problem(
                "registry.bad-id", f"the id is '{id[:40]}'", "write letters, digits, - _ . or :, and no space"
            )
        elif id in seen:
            first = seen[id]
            message = f"the id stands in {first.file}, row {first.row}, too"
            yield row.problem(
                "registry.twice", message, "give each claim an id of its own; dissent is a claim of its own"
            )
        else:
            seen[id] = row


def order_faults(claims: Iterable[Row]) -> Iterator[Problem]:
    """Dates that cannot follow each other: each claim against what the depositary, or the first to say, holds."""
    dates: dict[str, dict[str, date]] = {}
    rows = [row for row in claims if row.values["property"] in DATED and fits("date", row.values["value"])]
    for row in sorted(rows, key=_rank):
        dates.setdefault(row.values["subject"], {}).setdefault(
            row.values["property"], date.fromisoformat(row.values["value"])
        )
    for row in rows:
        day, known = date.fromisoformat(row.values["value"]), dates[row.values["subject"]]
        if row.values["property"] in ("signature", "deposit") and day < OPENED:
            yield row.problem(
                "registry.impossible-date",
                f"{row.values['property']} on {day} lies before the Convention opened for signature on {OPENED}",
                "correct the date (Article 15)",
            )
        for before in DATED[row.values["property"]]:
            if before in known and day < known[before]:
                yield row.problem(
                    "registry.impossible-date",
                    f"{row.values['property']} on {day} lies before {before} on {known[before]}",
                    "correct one of the two, or mark what you doubt as recalled in a claim of its own",
                )


DATED: dict[str, tuple[str, ...]] = {  # what must not lie before what
    "signature": (),
    "deposit": ("signature",),
    "in_force": ("deposit",),
    "withdrawal_notice": ("deposit",),
    "withdrawal_effective": ("withdrawal_notice", "deposit", "in_force"),
}


def _rank(row: Row) -> tuple[int, int]:
    one = row.values
    return (
        CHECKED.index(one["checked"]) if one["checked"] in CHECKED else len(CHECKED),
        CLAIM_KINDS.index(one["kind"]) if one["kind"] in CLAIM_KINDS else len(CLAIM_KINDS),
    )


def _ids(rows: Iterable[Row]) -> Iterator[str]:
    return (row.values["id"] for row in rows)


FORMS = {
    "date": "write a day, YYYY-MM-DD",
    "share": "write a share from 0 to 1, LOW..HIGH such as 0.02..0.15, or <HIGH",
    "count": "write a whole number, or LOW..HIGH such as 640..670",
    "area_km2": "write km², LOW..HIGH, <HIGH or >LOW",
    "none": "leave it empty",
}


def fits(form: str, value: str) -> bool:
    """Whether a value has the form.

    Examples
    --------
    >>> fits("share", "0.02..0.15"), fits("share", "2"), fits("area_km2", ">1000"), fits("date", "2010-02-30")
    (True, False, True, False)
    """
    if form == "none":
        return not value
    if form == "date":
        return len(value) == 10 and is_partial(value)
    if form in ("area_km2", "share") and (bound := BOUND.fullmatch(value)):
        return form != "share" or float(bound[1]) <= 1
    found = RANGE.fullmatch(value)
    if found is None:
        return False
    low, high = float(found[1]), float(found[2] or found[1])
    if low > high or (form == "share" and high > 1):
        return False
    return form != "count" or (low.is_integer() and high.is_integer())


def interval(value: str) -> tuple[float | None, float | None]:
    """The ends of a number or range; None where it is open.

    Examples
    --------
    >>> interval("0.05"), interval("100..1000"), interval("<11")
    ((0.05, 0.05), (100.0, 1000.0), (None, 11.0))
    """
    if bound := BOUND.fullmatch(value):
        return (None, float(bound[1])) if value[0] == "<" else (float(bound[1]), None)
    found = RANGE.fullmatch(value)
    if found is None:
        return None, None
    return float(found[1]), float(found[2] or found[1])


def is_partial(value: str) -> bool:
    """Whether this is a year, a month or a day that there is.

    Examples
    --------
    >>> [is_partial(one) for one in ("2023", "2023-07", "2023-02-30", "July 2023", "2023-13")]
    [True, True, False, False, False]
    """
    found = PARTIAL.fullmatch(value)
    try:
        return bool(found and date(int(found[1]), int(found[2] or 1), int(found[3] or 1)))
    except ValueError:
        return False


def first_day(value: str) -> date:
    """The first day of a year, month or day."""
    year, month, day = ([int(part) for part in value.split("-")] + [1, 1])[:3]
    return date(year, month, day)


def last_day(value: str) -> date:
    """The last day of a year, month or day.

    Examples
    --------
    >>> str(last_day("2024")), str(last_day("2024-02")), str(last_day("2024-02-10"))
    ('2024-12-31', '2024-02-29', '2024-02-10')
    """
    parts = [int(part) for part in value.split("-")]
    if len(parts) == 3:
        return date(*parts)
    year, month = parts[0], parts[1] if len(parts) == 2 else 12
    follows = date(year + month // 12, month % 12 + 1, 1) if (year, month) < (9999, 12) else date.max
    return date.fromordinal(follows.toordinal() - 1) if follows != date.max else date.max
