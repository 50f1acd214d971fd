"""Items per carrier come from one table, every row with its source, and as unsure as what was published."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fadeout.records import claim_files
from fadeout.records.munition_items import MunitionType, items_of, shipped
from fadeout.records.profile import load

KIND = MunitionType(
    "x", (), "y", "test", "assumed", "no", carried=(200, 200), failed_low=0.05, failed_high=0.2
)


def test_every_type_has_a_source_and_says_whose_claim_its_rate_is() -> None:
    assert all(kind.source.strip() and kind.claim.strip() for kind in shipped().values())


def test_a_published_rate_lies_between_nought_and_one_and_in_order() -> None:
    for kind in shipped().values():
        rates = [rate for rate in (kind.failed_low, kind.failed_high) if rate is not None]
        assert rates == sorted(rates)
        assert all(0 < rate < 1 for rate in rates)


# Worked out by hand from the claims; the engine's prior stands on them, so a change of a claim must be meant.
HELD = (
    ("cbu24", "CBU-24 / CBU-49", (640, 670), None, 0.3),
    ("cbu87", "CBU-87/B", (202, 202), 0.03, 0.26),
    ("m26", "M26 rocket (MLRS)", (644, 644), 0.05, 0.23),
    ("m483a1", "M483A1 155 mm projectile", (88, 88), 0.03, 0.14),
    ("m864", "M864 155 mm projectile", (72, 72), 0.0235, 0.14),
    ("9m27k", "9M27K Uragan rocket", (30, 30), None, 0.4),  # a party's claim bounds from above alone
    ("atacms_m39", "MGM-140 (M39)", (950, 950), 0.02, None),  # a government's, from below alone
    ("rbl755", "RBL755 / BL-755", (147, 147), 0.05, 0.12),
    ("blu3", "BLU-3/B", (360, 360), None, None),
    ("kmgu", "KMG-U", None, None, None),
)


@pytest.mark.parametrize(("key", "name", "carried", "low", "high"), HELD, ids=[str(one[0]) for one in HELD])
def test_the_numbers_of_a_type_are_those_of_its_claims(
    key: str, name: str, carried: tuple[int, int] | None, low: float | None, high: float | None
) -> None:
    kind = shipped()[key]
    assert (kind.name, kind.carried, kind.failed_low, kind.failed_high) == (name, carried, low, high)


def test_a_profile_reads_the_tables_of_munitions_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    read, plain = [], claim_files.raw
    monkeypatch.setattr(claim_files, "raw", lambda where, names: read.extend(names) or plain(where, names))
    shipped.cache_clear()
    load()
    assert set(read) == {"munitions", "munition_claims", "sources"}


@pytest.mark.parametrize("name", sorted(shipped()))
def test_no_rate_is_narrower_than_tenfold(name: str) -> None:
    low, high = shipped()[name].rate
    assert high / low >= 10 * (1 - 1e-12)


def test_a_range_wider_than_tenfold_stays_as_published() -> None:
    assert replace(KIND, failed_low=0.02, failed_high=0.3).rate == pytest.approx((0.02, 0.3))


def test_a_narrow_range_is_widened_evenly_about_its_middle() -> None:
    low, high = KIND.rate
    assert math.sqrt(low * high) == pytest.approx(math.sqrt(0.05 * 0.2))


def test_mean_and_shape_are_those_of_count_times_rate_times_strike() -> None:
    items = items_of(KIND)
    assert items is not None
    rng, n = np.random.default_rng(1), 400_000
    low, high = KIND.rate
    rate = np.exp(rng.normal(math.log(low * high) / 2, math.log(high / low) / (2 * 1.6449), n))
    drawn = 200 * rate * rng.gamma(2.0, 0.5, n)
    error = drawn.std() / math.sqrt(n)
    assert drawn.mean() == pytest.approx(items.mean, abs=4 * error)  # 4 Monte Carlo standard errors
    square = (drawn - items.mean) ** 2
    assert square.mean() == pytest.approx(items.mean**2 / items.shape, abs=4 * square.std() / math.sqrt(n))


def test_what_has_no_published_rate_is_surer_of_less() -> None:
    unknown, known = items_of(replace(KIND, failed_low=None, failed_high=None)), items_of(KIND)
    assert unknown is not None
    assert known is not None
    assert unknown.shape < known.shape


def test_a_type_without_a_count_has_no_items_of_its_own() -> None:
    assert items_of(replace(KIND, carried=None)) is None


def test_every_profile_takes_its_munitions_from_the_table() -> None:
    items = items_of(shipped()["cbu24"])
    assert items is not None
    assert load().items_by_munition["cbu24"].items_per_carrier == pytest.approx(
        items.mean, rel=5e-3
    )  # 3 digits
    assert set(load().items_by_munition) == {name for name, kind in shipped().items() if kind.carried}
