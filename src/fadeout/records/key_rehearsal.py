"""Keys for a rehearsal of an intake: nothing is written, neither a key nor a key file.

Reads   an open `KeyStore`, if there is one
Gives   `Rehearsal`; `Sealing`, what sealing asks of keys
Knows   that a key made here opens nothing that is kept
Start   at `Rehearsal`
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fadeout.errors import InputRefused
from fadeout.records.key_file import KEY_BYTES, Tombstone
from fadeout.records.keys import KeyStore, was_erased


class Sealing(Protocol):
    """What sealing asks of keys: those there are, who was erased, and new ones."""

    def keys_of(self, persons: Sequence[str]) -> dict[str, bytes]:
        """The keys of those persons that have one."""

    def make(self, persons: Sequence[str]) -> dict[str, bytes]:
        """The keys of persons, made where there was none."""

    def erased(self, persons: Sequence[str] | None = None) -> dict[str, Tombstone]:
        """What was erased: of all, or of these persons."""


@dataclass(frozen=True)
class Rehearsal:
    """Keys for a rehearsal: those of a key file, if there is one, and new ones that are kept nowhere."""

    file: KeyStore | None
    made: dict[str, bytes] = field(default_factory=dict, repr=False)

    def keys_of(self, persons: Sequence[str]) -> dict[str, bytes]:
        """The keys of those persons that have one, in the file or made in this rehearsal."""
        kept = self.file.keys_of(persons) if self.file else {}
        return {one: self.made[one] for one in persons if one in self.made} | kept

    def make(self, persons: Sequence[str]) -> dict[str, bytes]:
        """The keys of persons, made in memory where there was none.

        Raises
        ------
        InputRefused
            If one of them was erased, as storing would.
        """
        if gone := self.erased(persons):
            raise InputRefused([was_erased(one) for one in gone.values()])
        found = self.keys_of(persons)
        fresh = {one: os.urandom(KEY_BYTES) for one in dict.fromkeys(persons) if one not in found}
        self.made.update(fresh)
        return found | fresh

    def erased(self, persons: Sequence[str] | None = None) -> dict[str, Tombstone]:
        """What was erased, by the file."""
        return self.file.erased(persons) if self.file else {}
