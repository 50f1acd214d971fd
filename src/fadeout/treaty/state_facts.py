"""From claims to the plain dates that obligations are computed from.

Reads   a `Registry` and a day
Gives   `Facts` of a state
Knows   which claims bear on which duty; nothing of the arithmetic
Start   at `facts_of`
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from fadeout.records.claim_checks import ONGOING, first_day, last_day
from fadeout.records.claims import Claim, Registry
from fadeout.treaty import obligations
from fadeout.treaty.obligations import Duty, Extension, Facts, Hostilities, Work
from fadeout.treaty.plan_fit import plan_fit
from fadeout.treaty.registry import day_of, left_and_cleared, said_by, standing, states

PENDING = "an extension was asked for whose outcome was not read: the deadline in force is not known here"
STILL = "ongoing"
DAYS_A_YEAR = 365.25


def facts_of(registry: Registry, state: str, today: date) -> Facts:
    """Give what is known of a state on a day.

    Examples
    --------
    >>> from fadeout.records.claim_files import shipped
    >>> [str(one.until) for one in facts_of(shipped(), "LAO", date(2026, 11, 25)).clearance.extensions]
    ['2025-08-01', '2030-08-01']
    """
    now = standing(registry, state, today)
    return Facts(
        state,
        now.status,
        now.deposit,
        now.in_force,
        now.notice,
        now.left_on,
        stockpile=_work(registry, state, 3, ("stockpile",), today),
        clearance=_work(
            registry, state, 4, ("article4_obligation", "contamination", "contamination_note"), today
        ),
        hostilities=tuple(_hostilities(one) for one in registry.of(state, "hostilities")),
        unverified=now.unverified,
    )


def duties_of(registry: Registry, state: str, today: date) -> tuple[Duty, ...]:
    """Give a state's duties on a day, by what the registry holds."""
    return obligations.duties(facts_of(registry, state, today), today)


def all_duties(registry: Registry, today: date) -> dict[str, tuple[Duty, ...]]:
    """Give the duties of every party on a day, by state."""
    return {one.state: duties_of(registry, one.state, today) for one in states(registry, today, "party")}


def pace(registry: Registry, state: str, today: date) -> str:
    """Say whether what is left fits the years until the deadline, at the output last published; "" if that is unknown.

    Examples
    --------
    >>> from fadeout.records.claim_files import shipped
    >>> pace(shipped(), "LAO", date(2026, 8, 1)).partition(" (")[0]
    '1,500 km² left at about 73 km² a year are 20 years'
    """
    due = next((one.due for one in duties_of(registry, state, today) if one.key == "article4"), None)
    claims = left_and_cleared(registry, state)
    if due is None or claims is None or due < today:
        return ""
    left, cleared = claims
    fit = plan_fit(float(left.value), [float(one.value) for one in cleared], (due - today).days / DAYS_A_YEAR)
    sources = [f"left: {left.starts}, {said_by(registry, left)}"]
    sources += [f"{one.value} km² in {one.starts}: {said_by(registry, one)}" for one in cleared]
    return f"{fit.in_words('km²')} ({'; '.join(sources)}.)"


def _work(registry: Registry, state: str, article: int, bearing: Sequence[str], today: date) -> Work:
    def claims(what: str) -> tuple[Claim, ...]:
        return registry.of(state, f"article{article}_{what}")

    granted = {}
    for one in reversed(claims("extension")):  # what stands first overwrites what dissents
        granted[one.value] = Extension(date.fromisoformat(one.value), _day(one.starts), one.verified)
    until = max((one.until for one in granted.values()), default=None)
    asked = [
        one
        for one in claims("request")
        if until is None or (one.ends or one.starts) > (_granted_on(granted) or "")
    ]
    done = next(iter(claims("completed")), None)
    again = next(iter(claims("reopened")), None)
    unclear = next(iter(claims("unclear")), None)
    said = [one for name in bearing for one in registry.of(state, name)]
    going_on = any(one.value == STILL for one in said)
    found_again = first_day(again.starts) if again and again.starts else None
    return Work(
        extensions=tuple(sorted(granted.values(), key=lambda one: one.until)),
        done_on=_day(done.starts) if done and not going_on else None,
        done_words=_words(done) if done and not (going_on and again is None) else "",
        found_again_on=found_again,
        printed=day_of(registry.first(state, f"article{article}_deadline")),
        concerned=bool(said or done or granted or asked or unclear),
        pending=unclear.value if unclear else PENDING if asked else "",
        found_again_words=_words(again) if again and found_again else "",
    )


def _granted_on(granted: dict[str, Extension]) -> str:
    days = [one.granted_on for one in granted.values() if one.granted_on]
    return max(days).isoformat() if days else ""


def _words(done: Claim) -> str:
    when = f"in {done.starts}" if done.starts else f"by {done.ends}" if done.ends else "at an unknown time"
    return when + ("" if done.verified else " (unverified)")


def _day(text: str) -> date | None:
    """The day that a text names in full, None for a month or a year."""
    return date.fromisoformat(text) if len(text) == 10 else None


def _hostilities(claim: Claim) -> Hostilities:
    ended = last_day(claim.ends) if claim.ends and claim.ends != ONGOING else None
    return Hostilities(claim.value, ended)
