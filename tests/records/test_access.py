"""What partners see of exact records is named; whatever is not named is hidden."""

from __future__ import annotations

from fadeout.records.access import HIDDEN, SHOWN
from fadeout.records.catalogue import KINDS, fields_of


def test_every_text_of_every_kind_is_hidden_from_partners_unless_it_is_named() -> None:
    texts = {f.name for kind in KINDS.values() for f in fields_of(kind) if f.type in ("text", "ids")}
    assert texts - set(SHOWN) <= HIDDEN
    assert {"remark", "source", "entered", "corrective_act", "merged_from", "what", "stands_on"} <= HIDDEN


def test_nothing_is_named_that_no_kind_has() -> None:
    assert set(SHOWN) <= {f.name for kind in KINDS.values() for f in fields_of(kind)}
