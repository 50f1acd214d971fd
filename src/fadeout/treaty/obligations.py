"""What the Convention asks of a state, and by when: every result explains itself.

Reads   `Facts`: the plain dates of one state, as the registry or a programme has them
Gives   `Duty`s, each with its rule, article, inputs, arithmetic and warnings
Knows   Articles 3, 4, 5, 7, 8, 17 and 20; the arithmetic of days stands in `dates`
Start   at `duties`

A deadline that cannot be known is `unknown`, never overdue: while hostilities go on, the ten years for what they leave
have not begun (Article 4(1)(b)). What is done can be undone: a state that declared completion and found more is asked
again. A state that left owes nothing after the day it left; what it did stays told. Signatories and others owe nothing,
and that is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from fadeout.treaty import dates
from fadeout.treaty.dates import say

OPEN, DONE, OVERDUE, UNKNOWN, NO_DUTY = "open", "done", "overdue", "unknown", "none"
COUNTED_FROM = ("deposit", "in_force")  # the dates of `Facts.unverified` that every deadline is counted from
WORDS = {"deposit": "deposit", "in_force": "entry into force"}


@dataclass(frozen=True)
class Extension:
    """A deadline that a meeting moved: the new day, when it was granted, whether that was read at its source."""

    until: date
    granted_on: date | None = None
    verified: bool = True


@dataclass(frozen=True)
class Work:
    """Where the work of one duty stands: its extensions, the day it was declared done, and the day more was found."""

    extensions: tuple[Extension, ...] = ()
    done_on: date | None = None
    done_words: str = ""  # where the day is not known
    found_again_on: date | None = None
    printed: date | None = None  # the deadline as somebody printed it
    concerned: bool = True  # whether there is anything to destroy or clear, as far as is known
    pending: str = ""  # why the deadline in force, or whether there is anything to do, is not known here
    found_again_words: str = ""  # where the day is not known


@dataclass(frozen=True)
class Hostilities:
    """Active hostilities after entry into force that left remnants; no end while they go on."""

    name: str
    ended_on: date | None = None


@dataclass(frozen=True)
class Facts:
    """One state: its dates, where its work stands, and what of that was recalled, not read."""

    state: str
    status: str  # party, signatory, withdrawn, non_signatory
    deposit: date | None = None
    in_force: date | None = None  # as printed; computed from the deposit if not given
    notice: date | None = None
    left_on: date | None = None
    stockpile: Work = field(default_factory=Work)
    clearance: Work = field(default_factory=Work)
    hostilities: tuple[Hostilities, ...] = ()
    reported: frozenset[int] = frozenset()  # calendar years reported on; 0 is the first report
    in_conflict: bool = False
    first_yearly: int | None = (
        None  # the first calendar year to report on; a setting, as the treaty does not say
    )
    unverified: tuple[str, ...] = ()


@dataclass(frozen=True)
class Duty:
    """One duty of one state on a day."""

    key: str
    title: str
    article: str
    state: str
    due: date | None
    rule: str
    arithmetic: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[date, ...] = ()
    remark: str = ""
    unverified: tuple[str, ...] = ()


def duties(facts: Facts, today: date) -> tuple[Duty, ...]:
    """Give all duties of a state as they stand on a day.

    Examples
    --------
    >>> granted = (Extension(date(2025, 8, 1)), Extension(date(2030, 8, 1)))
    >>> lao = Facts("LAO", "party", date(2009, 3, 18), clearance=Work(granted))
    >>> {duty.key: str(duty.due) for duty in duties(lao, date(2026, 11, 25))}["article4"]
    '2030-08-01'
    >>> duties(Facts("KEN", "signatory"), date(2026, 11, 25))[0].state
    'none'
    """
    if facts.status != "party":
        return (_no_duty(facts),)
    if facts.deposit is None:
        return (_no_deposit(),)
    begins = facts.in_force or dates.in_force(facts.deposit)
    found = [_entry(facts, begins, today)]
    found.append(_article_3(facts, begins, today))
    found.append(_article_4(facts, begins, today))
    found += _all_new_remnants(facts, begins, today)
    found += _reports(facts, begins, today)
    if facts.notice is not None:
        leaving = _withdrawal(facts, today)
        if not facts.in_conflict:  # in one, nobody knows when it takes effect
            found = [_unless_it_has_left(duty, leaving) for duty in found]
        found.append(leaving)
    return tuple(found)


def _no_deposit() -> Duty:
    """A party has duties; without the day of its deposit none of their days can be known."""
    rule = "A State Party has the duties of the Convention; every day is counted from its own deposit."
    words = "the day of deposit is not known here, so no day can be worked out"
    inputs = {"deposit": say(None)}
    return Duty("in_force", "Entry into force", "17", UNKNOWN, None, rule, words, inputs)


def _unless_it_has_left(duty: Duty, leaving: Duty) -> Duty:
    """What would fall due after a withdrawal takes effect is not owed."""
    if duty.state != OPEN or duty.due is None or leaving.due is None or duty.due < leaving.due:
        return duty
    said = f"It would fall after the withdrawal takes effect on {say(leaving.due)}."
    return replace(duty, state=NO_DUTY, warnings=(), remark=f"{duty.remark} {said}".strip())


def _no_duty(facts: Facts) -> Duty:
    if facts.status == "withdrawn":
        when = f"on {say(facts.left_on)}" if facts.left_on else "on a day not known here"
        words = f"It left {when}: no duty falls after that day; what it owed and did before stays told."
        rule = "A withdrawal takes effect six months after the depositary received it, and ends duties from then on."
        return Duty("none", "No duty", "20", NO_DUTY, None, rule, words, {"left on": say(facts.left_on)})
    if facts.status == "signatory":
        rule = "A state that signed and did not ratify has none of the duties of a State Party."
        words = "No deposit, so nothing has entered into force for it."
        remark = (
            "By the general law of treaties (Vienna Convention, Article 18) a signatory refrains from defeating "
            "the object and purpose."
        )
        return Duty("none", "No duty", "16", NO_DUTY, None, rule, words, remark=remark)
    rule = "A state that has not joined has no duty under the Convention; it may report and clear of its own will."
    return Duty("none", "No duty", "16", NO_DUTY, None, rule, "No signature and no deposit.")


def _entry(facts: Facts, begins: date, today: date) -> Duty:
    assert facts.deposit is not None
    if facts.deposit <= dates.THIRTIETH:
        rule = "First day of the sixth month after the month in which the thirtieth instrument was deposited."
        words = f"thirtieth deposit on {say(dates.THIRTIETH)}: month + 6, first day = {say(begins)}"
        article = "17(1)"
    else:
        rule = "First day of the sixth month after the date of its own deposit."
        words = f"{say(facts.deposit)}: month + 6, first day = {say(begins)}"
        article = "17(2)"
    computed = dates.in_force(facts.deposit)
    remark = ""
    if computed != begins:
        remark = f"Printed as {say(begins)}; by the rule it would be {say(computed)}."
    state = DONE if begins <= today else OPEN
    inputs = {"deposit": say(facts.deposit)}
    return Duty(
        "in_force",
        "Entry into force",
        article,
        state,
        begins,
        rule,
        words,
        inputs,
        (),
        remark,
        facts.unverified,
    )


def _article_3(facts: Facts, begins: date, today: date) -> Duty:
    rule = "Stockpiles are destroyed within eight years of entry into force; a meeting may give up to four more years."
    first = dates.article_3(begins)
    words = f"{say(begins)} + 8 years = {say(first)}"
    return _deadline(
        facts, "article3", "Destroy stockpiles", "3(2)", rule, first, words, facts.stockpile, begins, today
    )


def _article_4(facts: Facts, begins: date, today: date) -> Duty:
    rule = (
        "Remnants that lay there at entry into force are cleared within ten years of it; a meeting may give up to "
        "five more years, and again."
    )
    first = dates.article_4(begins)
    words = f"{say(begins)} + 10 years = {say(first)}"
    title = "Clear contaminated areas"
    return _deadline(facts, "article4", title, "4(1)(a)", rule, first, words, facts.clearance, begins, today)


def _deadline(
    facts: Facts,
    key: str,
    title: str,
    article: str,
    rule: str,
    first: date,
    words: str,
    work: Work,
    begins: date,
    today: date,
) -> Duty:
    due, unread = first, list(facts.unverified)
    for one in sorted(work.extensions, key=lambda one: one.until):
        if one.until <= due:
            words += f"; an extension to {say(one.until)}{_granted(one)} moves nothing, as that is no later"
            continue
        months = months_between(due, one.until)
        whole = dates.months_later(due, months) == one.until
        moved = f"+ {months} months (extension{_granted(one)}) =" if whole else f"extension{_granted(one)} to"
        words += f"; {moved} {say(one.until)}{'' if whole else ', no whole number of months'}"
        due = one.until
        if not one.verified:
            unread.append(f"extension to {say(one.until)}")
    remark = ""
    if work.printed is not None and work.printed != first:
        remark = f"Printed as {say(work.printed)}; by the rule it is {say(first)}."
    state = _state(work, due, today, facts.unverified)
    if state == NO_DUTY:
        remark = (remark + " Nothing is known that would have to be done.").strip()
    if state == UNKNOWN:
        remark = (remark + f" {_why_unknown(work, facts.unverified)}").strip()
    if state == DONE:
        remark = (remark + f" Declared done {_when(work)}; if more is found, the duty stands again.").strip()
    if work.found_again_on is not None and state != DONE:
        remark = (remark + f" Declared done {_when(work)}, then more was found {_again(work)}.").strip()
    inputs = {"in force": say(begins)} | {
        f"extension {n}": say(one.until) for n, one in enumerate(work.extensions, 1)
    }
    warned = dates.warnings(due) if state in (OPEN, OVERDUE) else ()
    return Duty(key, title, article, state, due, rule, words, inputs, warned, remark, tuple(unread))


def _state(work: Work, due: date, today: date, unverified: tuple[str, ...]) -> str:
    again = work.found_again_on
    done = work.done_on is not None or bool(work.done_words)
    if done and (again is None or (work.done_on is not None and again <= work.done_on) or again > today):
        return DONE
    if not work.concerned:
        return NO_DUTY
    if due >= today:
        return OPEN
    return UNKNOWN if _why_unknown(work, unverified) else OVERDUE


def _why_unknown(work: Work, unverified: tuple[str, ...]) -> str:
    """Why a day that has passed does not make a duty overdue: nobody is accused on what was not read."""
    if work.pending:
        return f"The day has passed, but {work.pending}."
    if any(not one.verified for one in work.extensions):
        return "The day has passed, but it rests on an unverified extension, and a later one may not be known here."
    if recalled := [name for name in COUNTED_FROM if name in unverified]:
        words = " and ".join(WORDS[name] for name in recalled)
        return f"The day has passed, but it is counted from an unverified {words}."
    return ""


def _when(work: Work) -> str:
    return f"on {say(work.done_on)}" if work.done_on else work.done_words


def _again(work: Work) -> str:
    return work.found_again_words or f"on {say(work.found_again_on)}"


def _granted(one: Extension) -> str:
    said = f", granted {say(one.granted_on)}" if one.granted_on else ""
    return said + ("" if one.verified else ", unverified")


def _all_new_remnants(facts: Facts, begins: date, today: date) -> list[Duty]:
    """One duty for each of the hostilities, each under a key of its own."""
    found = [_new_remnants(facts, one, begins, today) for one in facts.hostilities]
    return [duty if n == 1 else replace(duty, key=f"{duty.key}_{n}") for n, duty in enumerate(found, 1)]


def _new_remnants(facts: Facts, one: Hostilities, begins: date, today: date) -> Duty:
    rule = (
        "Remnants of hostilities after entry into force are cleared within ten years of the end of those "
        "hostilities."
    )
    key, title = "article4_new", f"Clear what {one.name} left"
    inputs = {"in force": say(begins), "end of hostilities": say(one.ended_on) if one.ended_on else "not yet"}

    def told(state: str, due: date | None, words: str, remark: str = "") -> Duty:
        warned = dates.warnings(due) if due and state in (OPEN, OVERDUE) else ()
        return Duty(key, title, "4(1)(b)", state, due, rule, words, inputs, warned, remark, facts.unverified)

    if one.ended_on is None:
        words = f"{one.name} have not ended: the ten years have not begun, and no deadline can be known"
        return told(UNKNOWN, None, words)
    if one.ended_on < begins:
        words = f"{one.name} ended on {say(one.ended_on)}, before entry into force on {say(begins)}"
        return told(
            NO_DUTY, None, words, "What they left lay there at entry into force: see Article 4(1)(a)."
        )
    due = dates.article_4(one.ended_on)
    words = f"{say(one.ended_on)} (end of {one.name}) + 10 years = {say(due)}"
    work = Work(done_on=facts.clearance.done_on, found_again_on=one.ended_on, pending=facts.clearance.pending)
    state = _state(work, due, today, facts.unverified)
    return told(state, due, words, _why_unknown(work, facts.unverified) if state == UNKNOWN else "")


def _reports(facts: Facts, begins: date, today: date) -> list[Duty]:
    due = dates.first_report(begins)
    rule = "The first report is given within 180 days of entry into force."
    words = f"{say(begins)} + 180 days = {say(due)}"
    inputs = {"in force": say(begins)}
    first = Duty(
        "article7_first",
        "First transparency report",
        "7(1)",
        _reported(0, due, facts, today),
        due,
        rule,
        words,
        inputs,
        dates.warnings(due) if due >= today else (),
        _unknown_reports(facts),
        facts.unverified,
    )
    year = max(
        today.year - (1 if today <= dates.yearly_report(today.year - 1) else 0), _first_year(facts, due)
    )
    yearly = dates.yearly_report(year)
    rule = "A report on each calendar year is given by 30 April of the next."
    words = f"calendar year {year}: 30 April of the next year = {say(yearly)}"
    remark = (
        "The Convention does not say whether a yearly report is due soon after the first: the first calendar year "
        f"to report on is taken to be {_first_year(facts, due)} (a setting)."
    )
    return [
        first,
        *_missed(facts, due, year),
        Duty(
            "article7_yearly",
            f"Yearly transparency report on {year}",
            "7(2)",
            _reported(year, yearly, facts, today),
            yearly,
            rule,
            words,
            {"first report due": say(due)},
            dates.warnings(yearly),
            remark,
            facts.unverified,
        ),
    ]


def _missed(facts: Facts, first_due: date, year: int) -> list[Duty]:
    """Years before the one that is due now that no report is held of, where reports are held at all."""
    missed = [one for one in range(_first_year(facts, first_due), year) if one not in facts.reported]
    if not facts.reported or not missed:
        return []
    years = ", ".join(str(one) for one in missed)
    due = dates.yearly_report(missed[0])
    rule = "A report on each calendar year is given by 30 April of the next."
    words = f"no report is held on {years}; the first of them was due by {say(due)}"
    title, inputs = "Yearly transparency reports not held", {"years not reported on": years}
    missing = "article7_missed"
    if recalled := _why_unknown(Work(), facts.unverified):
        return [
            Duty(missing, title, "7(2)", UNKNOWN, due, rule, words, inputs, (), recalled, facts.unverified)
        ]
    return [Duty(missing, title, "7(2)", OVERDUE, due, rule, words, inputs, unverified=facts.unverified)]


def _first_year(facts: Facts, first_due: date) -> int:
    """The first calendar year to report on: that in which the first report is due, unless set otherwise."""
    return first_due.year if facts.first_yearly is None else facts.first_yearly


def _reported(year: int, due: date, facts: Facts, today: date) -> str:
    if year in facts.reported:
        return DONE
    if due >= today:
        return OPEN
    if not facts.reported or _why_unknown(Work(), facts.unverified):
        return UNKNOWN  # nothing is known of its reports, or the day was not read: nobody is accused
    return OVERDUE


def _unknown_reports(facts: Facts) -> str:
    return "" if facts.reported else "Which reports were given is not in these records."


def _withdrawal(facts: Facts, today: date) -> Duty:
    assert facts.notice is not None
    due = dates.withdrawal(facts.notice)
    rule = (
        "A withdrawal takes effect six months after the depositary received it; a state in an armed conflict "
        "then stays bound until that ends."
    )
    words = f"{say(facts.notice)} + 6 months = {say(due)}"
    inputs = {"notice received": say(facts.notice)}
    if facts.in_conflict and due <= today:
        words += "; an armed conflict goes on, so the day cannot be known"
        return Duty("withdrawal", "Withdrawal", "20(3)", UNKNOWN, None, rule, words, inputs)
    if facts.in_conflict:
        words += "; if the armed conflict still goes on then, not before it ends"
    return Duty("withdrawal", "Withdrawal takes effect", "20(3)", OPEN, due, rule, words, inputs)


# --- many states ---------------------------------------------------------------------------------------------------


def within(
    found: Mapping[str, tuple[Duty, ...]], today: date, months: int
) -> tuple[list[tuple[str, Duty]], list[tuple[str, Duty]]]:
    """Duties that fall due from today within some months, in order of days; and those whose day is unknown or past."""
    until = dates.months_later(today, months)
    pairs = [(state, duty) for state, owed in found.items() for duty in owed]
    due = [(s, d) for s, d in pairs if d.due is not None and d.state == OPEN and today <= d.due <= until]
    apart = [
        (s, d)
        for s, d in pairs
        if d.state in (OVERDUE, UNKNOWN) and d.key not in ("article7_first", "article7_yearly")
    ]
    return sorted(due, key=lambda one: (one[1].due or today, one[0], one[1].key)), apart


def months_between(start: date, end: date) -> int:
    """Give the whole months from one day to another, as extensions are counted.

    Examples
    --------
    >>> months_between(date(2021, 3, 1), date(2022, 9, 1))
    18
    """
    months = (end.year - start.year) * 12 + end.month - start.month
    return months - (1 if dates.months_later(start, months) > end else 0)
