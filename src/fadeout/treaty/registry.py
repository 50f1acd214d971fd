"""Questions to the public registry: who stands where under the Convention on a day, and who says so.

Reads   a `Registry` of claims, and a day
Gives   `Standing` of a state, `Counts` of all, and what is claimed of transfers, use, contamination and munition types
Knows   the rule of entry into force; nothing of files or pages
Start   at `standing`

A standing is by deposit: a state is a party from the day its instrument is deposited (Article 16), and bound from entry
into force (Article 17); both are told. What rests on a claim that was recalled, not read, is marked `unverified`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from fadeout.errors import InputRefused, Problem
from fadeout.records.claim_checks import first_day, interval
from fadeout.records.claims import MUNITION, Claim, Registry
from fadeout.treaty import dates
from fadeout.treaty.dates import say

PARTY, SIGNATORY, WITHDRAWN, NONE = "party", "signatory", "withdrawn", "non_signatory"
STATUSES = (PARTY, SIGNATORY, WITHDRAWN, NONE)
STATE = "state"


@dataclass(frozen=True)
class Standing:
    """Where a state stands on a day. Dates are those known on that day: a later deposit is not told."""

    state: str
    name: str
    status: str
    as_of: date
    signature: date | None = None
    deposit: date | None = None
    in_force: date | None = None  # the day it enters or entered into force, maybe after `as_of`
    notice: date | None = None
    left_on: date | None = None
    unverified: tuple[str, ...] = ()  # properties that rest on a recalled claim

    @property
    def bound(self) -> bool:
        """Whether the Convention is in force for it on the day."""
        return self.status == PARTY and self.in_force is not None and self.in_force <= self.as_of

    @property
    def in_words(self) -> str:
        """One sentence, such as a page would begin with."""
        if self.status == PARTY:
            word = "in force since" if self.bound else "in force from"
            said = f"State Party (deposit {say(self.deposit)}; {word} {say(self.in_force)})"
        elif self.status == SIGNATORY:
            said = f"signatory (signed {say(self.signature)}), not a party"
        elif self.status == WITHDRAWN:
            said = f"withdrawn, out since {say(self.left_on)} (a party from {say(self.deposit)})"
        else:
            said = "neither signatory nor party"
        return said + (f"; unverified: {', '.join(self.unverified)}" if self.unverified else "")


@dataclass(frozen=True)
class Counts:
    """How many states stand where on a day; parties in force are among the parties, never beside them."""

    as_of: date
    party: int
    in_force: int
    signatory: int
    withdrawn: int
    non_signatory: int


def standing(registry: Registry, state: str, as_of: date) -> Standing:
    """Give where a state stands on a day, by its ISO 3166-1 alpha-3 code.

    Raises
    ------
    InputRefused
        If the registry has no such state.

    Examples
    --------
    >>> from fadeout.records.claim_files import shipped
    >>> standing(shipped(), "LTU", date(2025, 3, 5)).status, standing(shipped(), "LTU", date(2025, 3, 6)).status
    ('party', 'withdrawn')
    """
    subject = registry.subjects.get(state)
    if subject is None or subject.kind != STATE:
        raise InputRefused([unknown_state(registry, state)])
    first = {name: registry.first(state, name) for name in DATED}
    days = {name: day_of(claim) for name, claim in first.items()}
    told = {name: day if day and day <= as_of else None for name, day in days.items()}
    in_force = days["in_force"] or (dates.in_force(days["deposit"]) if days["deposit"] else None)
    left_on = told["withdrawal_effective"]
    status = WITHDRAWN if left_on else PARTY if told["deposit"] else SIGNATORY if told["signature"] else NONE
    unread = tuple(
        name for name in DATED if told[name] and (claim := first[name]) is not None and not claim.verified
    )
    return Standing(
        state,
        subject.name,
        status,
        as_of,
        told["signature"],
        told["deposit"],
        in_force if told["deposit"] else None,
        told["withdrawal_notice"],
        left_on,
        unread,
    )


DATED = ("signature", "deposit", "in_force", "withdrawal_notice", "withdrawal_effective")


def states(registry: Registry, as_of: date, status: str | None = None) -> tuple[Standing, ...]:
    """All states, or those of one status, by name.

    Examples
    --------
    >>> from fadeout.records.claim_files import shipped
    >>> [one.state for one in states(shipped(), date(2026, 1, 1), "withdrawn")]
    ['LTU']
    """
    if status is not None and status not in STATUSES:
        message = f"there is no status '{status}'"
        raise InputRefused(
            [Problem("registry.unknown-status", message, f"write one of {', '.join(STATUSES)}")]
        )
    found = (standing(registry, one.id, as_of) for one in registry.subjects.values() if one.kind == STATE)
    return tuple(sorted((one for one in found if status in (None, one.status)), key=lambda one: one.name))


def counts(registry: Registry, as_of: date) -> Counts:
    """Count states by where they stand on a day; a count without a day means nothing.

    Examples
    --------
    >>> from fadeout.records.claim_files import shipped
    >>> [counts(shipped(), date(*day)).party for day in ((2023, 8, 3), (2025, 3, 6), (2025, 9, 5))]
    [112, 111, 112]
    """
    all_ = states(registry, as_of)
    number = {status: sum(one.status == status for one in all_) for status in STATUSES}
    return Counts(
        as_of,
        number[PARTY],
        sum(one.bound for one in all_),
        number[SIGNATORY],
        number[WITHDRAWN],
        number[NONE],
    )


def history(registry: Registry, until: date) -> tuple[Counts, ...]:
    """The counts on each day on which one of them changed, the last of them on `until`."""
    days = {until}
    for one in states(registry, date.max):
        days |= {day for day in (one.signature, one.deposit, one.in_force, one.left_on) if day}
    return tuple(counts(registry, day) for day in sorted(days) if day <= until)


def unknown_state(registry: Registry, asked: str) -> Problem:
    """Say that there is no such state, and which may have been meant."""
    near = find(registry, asked)
    hint = f"did you mean {near}? " if near else ""
    return Problem(
        "registry.unknown-state",
        f"there is no state '{asked[:60]}'",
        f"{hint}write its ISO 3166-1 alpha-3 code, such as LAO: fadeout registry states",
    )


def find(registry: Registry, asked: str) -> str | None:
    """The code of a state or area by its code or its name, whatever the case; None where none or several fit.

    Examples
    --------
    >>> from fadeout.records.claim_files import shipped
    >>> find(shipped(), "lao"), find(shipped(), "Viet Nam"), find(shipped(), "Atlantis")
    ('LAO', 'VNM', None)
    """
    word = asked.strip().casefold()
    for one in registry.subjects.values():
        if word in (one.id.casefold(), one.name.casefold()):
            return one.id
    part = [one.id for one in registry.subjects.values() if word and word in one.name.casefold()]
    return part[0] if len(part) == 1 else None


# --- what is said --------------------------------------------------------------------------------------------------


def transfers(registry: Registry) -> tuple[Claim, ...]:
    """Documented or alleged transfers, by the time they were announced."""
    return registry.named("transfer")


def uses(registry: Registry, place: str = "") -> tuple[Claim, ...]:
    """Documented or alleged use, by time; of one place if it is named."""
    return tuple(one for one in registry.named("use") if place in ("", one.subject))


CONTAMINATION = ("contamination", "contamination_note")


def contamination(registry: Registry) -> dict[str, tuple[Claim, ...]]:
    """What is said of contamination, by state or area in the order of names; what speaks of the latest day first."""
    found: dict[str, tuple[Claim, ...]] = {}
    for subject in sorted(registry.subjects.values(), key=lambda one: one.name):
        said = [one for name in CONTAMINATION for one in registry.of(subject.id, name)]
        if said:
            found[subject.id] = tuple(sorted(said, key=_latest_first))
    return found


def left_and_cleared(registry: Registry, state: str) -> tuple[Claim, tuple[Claim, ...]] | None:
    """The latest verified claim of how much is left, as one number, and all of what the latest year cleared."""
    left = [one for one in registry.of(state, "contamination") if one.verified and interval(one.value)[0]]
    left = [one for one in left if len(set(interval(one.value))) == 1]
    cleared = [one for one in registry.of(state, "cleared") if one.verified and one.starts == one.ends]
    if not left or not cleared:
        return None
    year = max(one.starts for one in cleared)
    return max(left, key=lambda one: one.starts), tuple(one for one in cleared if one.starts == year)


def munitions(registry: Registry) -> dict[str, tuple[Claim, ...]]:
    """What is claimed of munition types, in the order of their names: nothing is ranked."""
    named = sorted(registry.munitions.values(), key=lambda one: one.name)
    return {one.id: registry.of(MUNITION + one.id) for one in named}


def _latest_first(claim: Claim) -> tuple[bool, int, str]:
    return (not claim.verified, -first_day(claim.starts).toordinal() if claim.starts else 0, claim.id)


def said_by(registry: Registry, claim: Claim) -> str:
    """Who says so, how sure it is, and whether it was read: the words that stand beside every claim.

    Examples
    --------
    >>> from fadeout.records.claim_files import shipped
    >>> registry = shipped()
    >>> said_by(registry, registry.first("AFG", "article4_extension"))
    'reported by a source not yet found (confirmed, undated); unverified'
    """
    source = registry.sources[claim.source_id]
    dated = f"dated {source.dated}" if source.dated else "undated"
    return f"reported by {source.who} ({claim.confidence}, {dated})" + (
        "" if claim.verified else "; unverified"
    )


def in_rows(registry: Registry, claims: Iterable[Claim]) -> Iterator[dict[str, Any]]:
    """Claims as rows of a table: every one with its source, its level, and whether it was read."""
    for one in claims:
        source = registry.sources[one.source_id]
        yield {
            "id": one.id,
            "subject": one.subject,
            "property": one.property,
            "value": one.value,
            "other": one.other,
            "starts": one.starts,
            "ends": one.ends,
            "reported_by": source.who,
            "title": source.title,
            "place": source.place,
            "dated": source.dated,
            "kind": one.kind,
            "confidence": one.confidence,
            "checked": "verified" if one.verified else "unverified",
            "note": one.note,
        }


def day_of(claim: Claim | None) -> date | None:
    """The day that a claim names, None where there is no claim."""
    return date.fromisoformat(claim.value) if claim else None
