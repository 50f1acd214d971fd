"""Persons in a store: what is said of them is encrypted, each with a key of their own, and erased with that key.

Reads   records of kinds that speak of persons; an open `KeyStore`
Gives   the same records sealed (for the store) or unsealed (for a reader who was logged first); `erase`
Knows   which values are personal and how one is encrypted; where keys live stands in `keys`
Start   at `seal`, then `read_person`

A sealed value is "enc1:" and, as URL-safe base64, a nonce of 12 bytes and the ciphertext of AES-256-GCM with its tag.
Kind, id and field are authenticated with it, so that a value moved to another person or field opens no more. History
hashes and backups hold sealed values alone: with the key, the person is gone from all of them.

The nonce is made of the value: HMAC-SHA256, under a second key of the person, of kind|id|field and the value, cut to 12
bytes. So the same value gives the same token, and importing a file twice changes nothing. What must never happen with
GCM, one nonce for two values, would need two values of one person whose HMACs agree in 96 bits: below 1e-20 for 10,000
values (n² / 2^97). What it gives away: that a field of a person returned to an earlier value. Nothing can be compared
between two persons or two fields. AES-GCM-SIV (RFC 8452) does the same in one step, but needs OpenSSL 3.2, which the
systems of many programmes do not have yet.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fadeout.errors import InputRefused, Problem
from fadeout.records import access_log
from fadeout.records.access import Viewer
from fadeout.records.catalogue import KINDS, RESTRICTED
from fadeout.records.checking import FREE_TEXT, SEALED, UNPRINTABLE
from fadeout.records.key_copies import NotReached, forget_in
from fadeout.records.key_file import NONCE_BYTES, Tombstone
from fadeout.records.key_rehearsal import Sealing
from fadeout.records.keys import KeyStore, shown, was_erased
from fadeout.records.record import Plain, Record, plain

ERASED_WORD = "[erased]"
BLOCK = 64  # bytes; values are filled up to whole blocks, so that the length of a name does not tell it
LONGEST = 500_000  # bytes of one value; sealed it is a third longer, and a store takes 1,000,000 letters
TAG_BYTES = 16
REVIEW_YEARS = 5  # assumed: after so long somebody asks whether the record is still needed


def person_of(record: Record) -> str:
    """Whom a record speaks of, as the key file names them.

    Examples
    --------
    >>> person_of(Record("victim", "V-17"))
    'victim|V-17'
    """
    return f"{record.kind}|{record.id}"


def personal_fields(kind: str) -> tuple[str, ...]:
    """Fields of a kind that are kept sealed: the personal ones, and its free texts if it has any.

    Examples
    --------
    >>> personal_fields("victim")
    ('name', 'contact', 'home', 'health', 'born_on', 'source', 'entered', 'remark')
    >>> personal_fields("evidence")
    ()
    """
    own = tuple(field.name for field in KINDS[kind].fields if field.personal) if kind in KINDS else ()
    return own + FREE_TEXT if own else ()


# ---- seal and unseal ------------------------------------------------------------------------------------------------


def seal(keys: Sealing, record: Record) -> Record:
    """Give a record with its personal values encrypted, for the store; the person gets a key if there is none yet."""
    return seal_all(keys, [record])[0]


def seal_all(keys: Sealing, records: Sequence[Record]) -> list[Record]:
    """Seal records, in their order. What is sealed already passes if it opens with the person's key.

    Keys are stored before anything is given: if the records are never stored, a key without use stays (`unused`).

    Raises
    ------
    InputRefused
        With every fault of every record: the person was erased, nobody consented, or a sealed value is not theirs.
    """
    about = [one for one in records if personal_fields(one.kind)]
    erased = keys.erased([person_of(one) for one in about])
    known = keys.keys_of([person_of(one) for one in about])
    problems = [fault for one in about for fault in _faults(one, erased, known)]
    if problems:
        raise InputRefused(problems)
    fresh = [person_of(one) for one in about if _open_values(one) and person_of(one) not in erased]
    known |= keys.make([person for person in dict.fromkeys(fresh) if person not in known])
    return [_sealed(one, known.get(person_of(one))) for one in records]


def unseal(keys: KeyStore, record: Record) -> Record:
    """Give a record with its personal values readable; "[erased]" where the person was erased. `read_person` logs it."""
    return unseal_all(keys, [record])[0]


def unseal_all(keys: KeyStore, records: Sequence[Record]) -> list[Record]:
    """Unseal records, in their order.

    Raises
    ------
    InputRefused
        With every fault: a value that was changed or moved here from another person or field, or a key that is missing.
    """
    about = [person_of(one) for one in records if _sealed_values(one)]
    known, erased = keys.keys_of(about), keys.erased(about)
    problems: list[Problem] = []
    opened = []
    for record in records:
        values: dict[str, Plain] = dict(record.values)
        person = person_of(record)
        for name, token in _sealed_values(record).items():
            try:
                values[name] = (
                    ERASED_WORD if person in erased else _opened(known.get(person), person, name, token)
                )
            except _Unreadable as fault:
                problems.append(fault.problem)
        opened.append(replace(record, values=values))
    if problems:
        raise InputRefused(problems)
    return opened


def _sealed(record: Record, key: bytes | None) -> Record:
    """The record with its open values sealed; of somebody erased they are only the word for that: left out."""
    values = dict(record.values)
    for name, text in _open_values(record).items():
        if key is None:
            del values[name]
        else:
            values[name] = token_of(key, person_of(record), name, text)
    return replace(record, values=values)


def _open_values(record: Record) -> dict[str, str]:
    return {name: text for name, text in _personal(record).items() if not text.startswith(SEALED)}


def _sealed_values(record: Record) -> dict[str, str]:
    return {name: text for name, text in _personal(record).items() if text.startswith(SEALED)}


def _personal(record: Record) -> dict[str, str]:
    """The personal values that are filled."""
    found = {name: record.values.get(name) for name in personal_fields(record.kind)}
    return {name: str(value) for name, value in found.items() if value is not None and value != ""}


def _faults(record: Record, erased: dict[str, Tombstone], known: dict[str, bytes]) -> list[Problem]:
    """What forbids to seal a record. No value is ever told, only where it stands."""
    person, texts = person_of(record), _open_values(record)
    faults = []
    if person in erased:
        return [was_erased(erased[person])] if set(texts.values()) - {ERASED_WORD} else []
    if texts and record.values.get("consent") == "none":
        remedy = "leave its personal fields out, or erase the person if they were kept before"
        faults.append(
            Problem("persons.no-consent", f"{shown(person)}: nobody agreed that this is kept", remedy)
        )
    for name, text in texts.items():
        if len(text.encode("utf-8", "replace")) > LONGEST or UNPRINTABLE.search(text):
            message = f"{shown(person)}: {name} holds a control character, or more than {LONGEST:,} bytes"
            faults.append(Problem("persons.bad-value", message, "mend it"))
    for name, token in _sealed_values(record).items():
        try:
            _opened(known.get(person), person, name, token)
        except _Unreadable as fault:
            faults.append(fault.problem)
    return faults


# ---- one value ------------------------------------------------------------------------------------------------------


class _Unreadable(Exception):
    """A token that does not open, in words."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


def token_of(key: bytes, person: str, name: str, text: str) -> str:
    """Encrypt one value of one person; the same value gives the same token.

    Examples
    --------
    >>> token = token_of(bytes(32), "victim|V-17", "name", "a name")
    >>> token == token_of(bytes(32), "victim|V-17", "name", "a name"), len(token)
    (True, 128)
    """
    about = _about(person, name)
    padded = _padded(text.encode())
    nonce = hmac.digest(_part(key, b"nonce"), about + b"\x00" + padded, "sha256")[:NONCE_BYTES]
    sealed = AESGCM(_part(key, b"value")).encrypt(nonce, padded, about)
    return _written(nonce + sealed)


def _written(raw: bytes) -> str:
    return SEALED + base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _opened(key: bytes | None, person: str, name: str, token: str) -> str:
    if key is None:
        message = f"the key file holds no key of {shown(person)}, and does not know that it was erased"
        remedy = "open the key file of this store, or a newer copy of it"
        raise _Unreadable(Problem("persons.no-key", message, remedy))
    try:
        code = token.removeprefix(SEALED)
        raw = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
        if (
            len(raw) < NONCE_BYTES + BLOCK + TAG_BYTES or _written(raw) != token
        ):  # one way of writing it, no other
            raise ValueError("no token")
        padded = AESGCM(_part(key, b"value")).decrypt(
            raw[:NONCE_BYTES], raw[NONCE_BYTES:], _about(person, name)
        )
    except (InvalidTag, ValueError, binascii.Error) as error:
        message = (
            f"{shown(person)}: the encrypted {name} was changed, or moved here from another person or field"
        )
        remedy = "see the record's history, and restore the version before"
        raise _Unreadable(Problem("persons.wrong-token", message, remedy)) from error
    return padded[4 : 4 + int.from_bytes(padded[:4], "big")].decode()


def _about(person: str, name: str) -> bytes:
    """What is authenticated with a value: kind|id|field. Kinds and fields hold no "|", so this reads in one way only."""
    return f"{person}|{name}".encode()


def _part(key: bytes, use: bytes) -> bytes:
    """A key for one use: the first block of HKDF-Expand (RFC 5869, 2.3) of the person's key."""
    return hmac.digest(key, b"fadeout person " + use + b"\x01", "sha256")


def _padded(data: bytes) -> bytes:
    whole = len(data).to_bytes(4, "big") + data
    return whole + bytes(-len(whole) % BLOCK)


# ---- read, logged ---------------------------------------------------------------------------------------------------


def read_person(
    connection: sa.Connection, keys: KeyStore, viewer: Viewer, record: Record, at: datetime
) -> Record:
    """Write into the access log who reads this record and what for; then give it unsealed."""
    return read_persons(connection, keys, viewer, [record], at)[0]


def read_persons(
    connection: sa.Connection, keys: KeyStore, viewer: Viewer, records: Sequence[Record], at: datetime
) -> list[Record]:
    """Write a line for each record into the access log, for good; then give the records unsealed.

    Raises
    ------
    InputRefused
        If the viewer's role may not read what is restricted, or no name or purpose is given; nothing is read then.
    """
    if RESTRICTED not in viewer.precise:
        message = f"the role '{viewer.role}' may not read records of persons"
        raise InputRefused(
            [Problem("persons.may-not-see", message, "ask for counts, or the victim assistance")]
        )
    if not viewer.name.strip() or not viewer.purpose.strip():
        message = "whoever reads a person's record says who they are and what for"
        raise InputRefused([Problem("persons.no-purpose", message, "give --who and --purpose")])
    when = str(plain(at))
    access_log.note(
        connection,
        [
            access_log.Line(
                when,
                viewer.name.strip(),
                viewer.role,
                one.kind,
                one.id,
                "; ".join(_personal(one)),
                viewer.purpose.strip(),
            )
            for one in records
        ],
    )
    return unseal_all(keys, records)


# ---- erase, and what else a person may ask for ----------------------------------------------------------------------


@dataclass(frozen=True)
class Erasure:
    """What erasing a person did: the line in the list of erasures, and the copies it has not reached yet."""

    tombstone: Tombstone
    again: bool
    not_reached: tuple[NotReached, ...]

    @property
    def words(self) -> str:
        """What was done and what is left to do, for the person who asked."""
        said = self.tombstone
        first = (
            f"{shown(said.person)} was erased already, on {said.erased_at[:10]} by {said.who}: {said.why}."
            if self.again
            else f"{shown(said.person)} is erased: the key is destroyed. This cannot be undone by anyone."
        )
        left = [f"Not reached yet: {one}." for one in self.not_reached]
        told = "Papers, exports and pictures that were handed out are not reached by this."
        return "\n".join([first, *left, told])


def erase(keys: KeyStore, person: str, who: str, why: str) -> Erasure:
    """Erase a person ("victim|V-17") for good: here and in all copies that can be reached. A second time says so.

    Raises
    ------
    InputRefused
        If there is no such person, if nobody or no reason is named, or if a trace of the key stayed in the file.
    """
    said, again = keys.erase(person, who, why)
    left = forget_in(keys)
    return Erasure(said, again, tuple(left))


def unused(keys: KeyStore, ids: Iterable[str]) -> list[str]:
    """Persons who have a key though no record of theirs is among `ids` (kind|id): left by an import that broke off.

    Such a key opens nothing; it is used when the record comes after all.
    """
    held = set(ids)
    return [person for person in keys.persons() if person not in held]


def without_key(keys: KeyStore, ids: Iterable[str]) -> list[str]:
    """Persons of these (kind|id) who have neither a key nor were erased: this is the wrong key file, or an old copy."""
    asked = list(dict.fromkeys(ids))
    held = set(keys.persons()) | set(keys.erased())
    return [person for person in asked if person not in held]


def due_for_review(
    records: Iterable[Record], today: date, years: int = REVIEW_YEARS
) -> list[tuple[str, str]]:
    """Give the ids of records that somebody should look at again, each with the reason.

    Examples
    --------
    >>> said = {"consent": "guardian", "consented_on": "2020-03-01"}
    >>> due_for_review([Record("victim", "V-17", said)], date(2026, 11, 25))
    [('V-17', 'consent is of 2020-03-01, more than 5 years ago')]
    """
    due = []
    for record in records:
        consent, day = record.values.get("consent"), str(record.values.get("consented_on", ""))
        if consent in (None, "none"):
            due.append((record.id, "nobody's consent is on record"))
        elif not day:
            due.append((record.id, "the day of consent is not on record"))
        elif _later(date.fromisoformat(day), years) < today:
            due.append((record.id, f"consent is of {day}, more than {years} years ago"))
    return due


def _later(day: date, years: int) -> date:
    leap = day.month == 2 and day.day == 29
    return day.replace(year=day.year + years, day=28 if leap else day.day)
