"""Square metres as whole numbers that still add up.

Reads   spells of ground: how each began and ended, whose it was, its m²
Gives   the same in whole m²
Knows   largest remainders; nothing of polygons or dates
Start   at `whole`

Every sum of the ledger is a sum of spells. So it is the spells that are rounded: whatever sums are made of them
afterwards, by area, by release or in all, balance to the square metre.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar

OPENING, CLOSING = "opening", "closing"


class Spell(NamedTuple):
    """Ground that was open from one moment to another: how that began and ended, in which area, by which release."""

    begun: str
    ended: str
    area: str
    by: str = ""


Key = TypeVar("Key", bound=Hashable)


def whole(spells: Mapping[Spell, float]) -> dict[Spell, int]:
    """Round spells to whole m². Opening and closing in all are those that plain rounding gives; so is all other ground
    to within a square metre for each way in which a spell may begin and end.

    Examples
    --------
    >>> list(whole({Spell("opening", "closing", "A"): 10.4, Spell("opening", "cleared", "A", "R"): 5.4}).values())
    [10, 6]
    """
    kept: dict[tuple[bool, bool], dict[Spell, float]] = {}
    for spell, area in spells.items():
        kept.setdefault((spell.begun == OPENING, spell.ended == CLOSING), {})[spell] = area
    totals = {side: math.fsum(group.values()) for side, group in kept.items()}
    whole_totals = _margins(totals)
    rounded: dict[Spell, int] = {}
    for side, group in kept.items():
        kinds: dict[tuple[str, str], dict[Spell, float]] = {}
        for spell, area in group.items():
            kinds.setdefault((spell.begun, spell.ended), {})[spell] = area
        sums = {kind: math.fsum(cells.values()) for kind, cells in kinds.items()}
        for kind, total in share_out(whole_totals[side], sums).items():
            rounded.update(share_out(total, kinds[kind]))
    return {spell: rounded[spell] for spell in spells}


def share_out(total: int, parts: Mapping[Key, float]) -> dict[Key, int]:
    """Round parts so that they add up to a whole total, by largest remainders.

    Examples
    --------
    >>> share_out(10, {"a": 3.3, "b": 3.4, "c": 3.3})
    {'a': 3, 'b': 4, 'c': 3}
    """
    shares = {key: math.floor(value) for key, value in parts.items()}
    by_remainder = sorted(parts, key=lambda key: shares[key] - parts[key])
    rest = total - sum(shares.values())
    step = 1 if rest > 0 else -1
    while rest:
        order: Sequence[Key] = by_remainder if step > 0 else by_remainder[::-1]
        for key in order:
            if rest and shares[key] + step >= 0:
                shares[key] += step
                rest -= step
    return shares


def _margins(totals: Mapping[tuple[bool, bool], float]) -> dict[tuple[bool, bool], int]:
    """Round ground by whether it was open at the opening and at the closing, both of which are rounded plainly."""
    stayed, ended, came = (totals.get(side, 0.0) for side in ((True, True), (True, False), (False, True)))
    opening, closing = round(math.fsum([stayed, ended])), round(math.fsum([stayed, came]))
    if (True, False) not in totals:
        both = opening
    elif (False, True) not in totals:
        both = closing
    else:
        both = min(round(stayed), opening, closing) if (True, True) in totals else 0
    return {
        (True, True): both,
        (True, False): opening - both,
        (False, True): closing - both,
        (False, False): round(totals.get((False, False), 0.0)),
    }
