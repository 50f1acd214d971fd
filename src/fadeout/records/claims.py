"""Claims of the public registry: who says what of a state, an area or a munition type, and how far that was checked.

Reads   nothing; `claim_files` reads the shipped tables
Gives   `Claim`, `Source`, `Subject`, `Munition`, and the `Registry` that holds them in their stated order
Knows   which properties there are and what their values may be; nothing of what follows from them under the treaty
Start   at `Registry.of`

Nothing is a cell that somebody overwrote: what two sources say of one thing stands side by side. One claim stands first,
by a rule that is stated (`place_in_order`) and the same for all:

1. what was read at its source before what was recalled;
2. then whose claim it is, in the order of `CLAIM_KINDS`: the depositary first, the press last;
3. then how sure it is: confirmed, credible, alleged;
4. then the later source; one without a date counts from the time that its claim speaks of, before which it cannot
   have been written; and at last the id.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from fadeout.records.catalogue import CHECKED, CLAIM_KINDS, CONFIDENCES

MUNITION = "munition:"  # how the subject of a claim on a munition type begins
WORLD = "world"


@dataclass(frozen=True)
class Property:
    """What may be said: the form of its values, and in words what it is.

    Forms: `date` (a day), `share`, `count` and `area_km2` (a number or LOW..HIGH; shares and areas also <HIGH or >LOW),
    `words`, `state` (a state or area of the registry), `none` (the claim speaks by its time and other party alone).
    """

    form: str
    about: str
    of: str = "state"  # what its subject is: state, munition, or any
    single: bool = False  # one thing holds at a time: claims that differ are dissent


PROPERTIES: dict[str, Property] = {
    "signature": Property("date", "day of signature (Article 15)", single=True),
    "deposit": Property("date", "day the instrument was deposited (Article 16)", single=True),
    "how": Property("words", "ratification, acceptance, approval or accession", single=True),
    "in_force": Property("date", "day of entry into force as printed (Article 17)", single=True),
    "not_participant": Property("none", "not in the depositary's list of participants", single=True),
    "provisional_application": Property(
        "words", "Article 1 applied before entry into force (Article 18)", single=True
    ),
    "withdrawal_notice": Property(
        "date", "day the notice of withdrawal was received (Article 20)", single=True
    ),
    "withdrawal_effective": Property("date", "day the withdrawal took effect (Article 20)", single=True),
    "article3_deadline": Property("date", "deadline for stockpiles as printed (Article 3)"),
    "article3_extension": Property("date", "deadline that an extension gave (Article 3)"),
    "article3_request": Property("words", "an extension asked for (Article 3)"),
    "article3_completed": Property("words", "stockpile destruction completed (Article 3)", single=True),
    "article3_unclear": Property("words", "why nobody can say whether there is anything to destroy"),
    "stockpile": Property("words", "what is said of stockpiles"),
    "article4_deadline": Property("date", "deadline for clearance as printed (Article 4)"),
    "article4_request": Property("words", "an extension asked for (Article 4)"),
    "article4_extension": Property("date", "deadline that an extension gave (Article 4)"),
    "article4_completed": Property("words", "clearance completed (Article 4)", single=True),
    "article4_obligation": Property("words", "where clearance stands (Article 4)", single=True),
    "article4_unclear": Property("words", "why nobody can say whether there is anything to clear"),
    "article4_reopened": Property("words", "more found after completion was declared (Article 4)"),
    "hostilities": Property(
        "words", "active hostilities that left new remnants, and when they ended (Article 4(1)(b))"
    ),
    "contamination": Property("area_km2", "contaminated area"),
    "contamination_note": Property("words", "what is said of contamination"),
    "cleared": Property("area_km2", "area cleared in a time"),
    "destroyed": Property("count", "submunitions destroyed in a time"),
    "transfer": Property("words", "a transfer, from the subject to the other party"),
    "use": Property("words", "use on the subject's territory, reported of the other party"),
    "submunition_count": Property("count", "submunitions that one carries", of="munition", single=True),
    "failure_rate": Property("share", "share of submunitions that failed", of="munition"),
    "failure_note": Property("words", "what is said of failures", of="munition"),
    "producer": Property("words", "where it was made", of="munition"),
    "recorded_where": Property("words", "where remnants were recorded", of="munition"),
}


@dataclass(frozen=True)
class Claim:
    """One statement. `starts` and `ends` are the time it speaks of: a year, a month or a day; `ends` may be ongoing."""

    id: str
    subject: str
    property: str
    value: str = ""
    other: str = ""
    starts: str = ""
    ends: str = ""
    source_id: str = ""
    kind: str = ""
    confidence: str = "confirmed"
    checked: str = "recalled"
    note: str = ""

    @builtins.property  # `property` is a column here
    def verified(self) -> bool:
        """Whether somebody read it at its source; what is not, is shown as unverified."""
        return self.checked == CHECKED[0]


@dataclass(frozen=True)
class Source:
    """Where claims stand: who says so, the title, the page or place, its date (a year, a month or a day)."""

    id: str
    who: str
    title: str = ""
    place: str = ""
    dated: str = ""
    note: str = ""


@dataclass(frozen=True)
class Subject:
    """A state (ISO 3166-1 alpha-3) or another area that claims speak of."""

    id: str
    name: str
    kind: str = "state"  # or area
    note: str = ""


@dataclass(frozen=True)
class Munition:
    """A munition type by its names; counts and published failures are claims."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    submunition: str = ""
    note: str = ""


@dataclass(frozen=True)
class Registry:
    """All claims, in the order in which they stand first, and what they speak of."""

    claims: tuple[Claim, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)
    subjects: Mapping[str, Subject] = field(default_factory=dict)
    munitions: Mapping[str, Munition] = field(default_factory=dict)

    @cached_property
    def _by_subject(self) -> dict[tuple[str, str], tuple[Claim, ...]]:
        found: dict[tuple[str, str], list[Claim]] = {}
        for claim in self.claims:
            for name in (claim.property, ""):
                found.setdefault((claim.subject, name), []).append(claim)
        return {key: tuple(sorted(claims, key=self.place_in_order)) for key, claims in found.items()}

    def place_in_order(self, claim: Claim) -> tuple[int, int, int, int, str]:
        """What sorts claims: the least stands first."""
        source = self.sources.get(claim.source_id)
        return (
            CHECKED.index(claim.checked),
            CLAIM_KINDS.index(claim.kind),
            CONFIDENCES.index(claim.confidence),
            -_age((source.dated if source else "") or _told(claim)),
            claim.id,
        )

    def of(self, subject: str, property: str = "") -> tuple[Claim, ...]:
        """Claims on a subject (of one property), the one that stands first before those that dissent.

        Examples
        --------
        >>> official = Claim("a", "BDI", "deposit", "2009-09-25", source_id="un", kind="depositary", checked="verified")
        >>> printed = Claim("b", "BDI", "deposit", "2009-12-25", source_id="cmm", kind="monitor", checked="verified")
        >>> [one.id for one in Registry((printed, official)).of("BDI", "deposit")]
        ['a', 'b']
        """
        return self._by_subject.get((subject, property), ())

    def first(self, subject: str, property: str) -> Claim | None:
        """The claim that is shown first, None where nobody says anything."""
        return next(iter(self.of(subject, property)), None)

    def named(self, property: str) -> tuple[Claim, ...]:
        """All claims of one property, by subject, time and id."""
        found = [claim for claim in self.claims if claim.property == property]
        return tuple(sorted(found, key=lambda one: (one.starts, one.subject, one.id)))

    def with_claims(self, claims: Iterable[Claim]) -> Registry:
        """The same registry with other claims."""
        return Registry(tuple(claims), self.sources, self.subjects, self.munitions)


def _told(claim: Claim) -> str:
    """The last time that a claim speaks of, "" for none."""
    return next((time for time in (claim.ends, claim.starts) if time[:1].isdigit()), "")


def _age(dated: str) -> int:
    """What sorts dates: 20240500 for May 2024, nought for none. A year alone may be its first day, so months go on."""
    year, month, day = ([int(part) for part in dated.split("-")] + [0, 0])[:3] if dated else (0, 0, 0)
    return (year * 100 + month) * 100 + day
