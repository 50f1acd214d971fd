"""The registry answers as of a day, names who says so, and passes nothing recalled off as fact."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from fadeout.errors import InputRefused
from fadeout.records.claim_checks import first_day, last_day
from fadeout.records.claim_files import shipped
from fadeout.treaty import dates
from fadeout.treaty.registry import (
    contamination,
    counts,
    find,
    history,
    in_rows,
    munitions,
    said_by,
    standing,
    states,
    transfers,
    uses,
)
from fadeout.treaty.state_facts import all_duties, duties_of

TODAY = date(2026, 11, 25)

# day, parties by deposit, of them in force, signatories that are not parties, withdrawn: counted apart in the table
# that the registry was carried over from
COUNTED = (
    (date(2008, 12, 2), 0, 0, 0, 0),  # a day before it opened for signature
    (date(2008, 12, 3), 4, 0, 88, 0),  # Holy See, Ireland, Norway, Sierra Leone deposited on the first day
    (date(2010, 2, 16), 30, 0, 74, 0),  # the thirtieth
    (date(2010, 8, 1), 38, 30, 70, 0),  # the first wave enters into force
    (date(2023, 8, 2), 111, 111, 12, 0),
    (date(2023, 8, 3), 112, 111, 12, 0),  # South Sudan accedes
    (date(2024, 2, 1), 112, 112, 12, 0),
    (date(2025, 3, 6), 111, 111, 12, 1),  # Lithuania is out
    (date(2025, 9, 5), 112, 111, 12, 1),  # Vanuatu deposits
    (date(2026, 3, 1), 112, 112, 12, 1),
)


@pytest.mark.parametrize(
    ("day", "party", "in_force", "signatory", "withdrawn"), COUNTED, ids=lambda v: str(v)
)
def test_counts_are_those_of_the_day(
    day: date, party: int, in_force: int, signatory: int, withdrawn: int
) -> None:
    found = counts(shipped(), day)
    assert (found.party, found.in_force, found.signatory, found.withdrawn) == (
        party,
        in_force,
        signatory,
        withdrawn,
    )
    assert party + signatory + withdrawn + found.non_signatory == 197


@pytest.mark.shared
def test_the_112_parties_are_those_of_the_table(shared: Path) -> None:
    with (shared / "registry" / "ccm_states.csv").open(encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    for status in ("party", "signatory", "withdrawn", "non_signatory"):
        wanted = {row["iso3"] for row in table if row["status"] == status}
        assert {one.state for one in states(shipped(), TODAY, status)} == wanted
    assert sum(row["status"] == "party" for row in table) == 112
    for row in table:
        one = standing(shipped(), row["iso3"], TODAY)
        read = (row["signature_date"], row["deposit_date"], row["entry_into_force_date"])
        assert (
            tuple(day.isoformat() if day else "" for day in (one.signature, one.deposit, one.in_force))
            == read
        )
        assert ("deposit" in one.unverified) == (row["verified"] == "recalled")


def test_the_day_in_force_that_was_printed_is_the_one_computed() -> None:
    registry = shipped()
    printed = [one for one in registry.claims if one.property == "in_force" and one.verified]
    assert len(printed) > 40
    for claim in printed:
        deposit = registry.first(claim.subject, "deposit")
        assert deposit is not None
        assert dates.in_force(date.fromisoformat(deposit.value)).isoformat() == claim.value


def test_the_deadlines_that_were_printed_are_the_ones_computed() -> None:
    registry = shipped()
    years = {
        "article3_deadline": dates.ARTICLE_3_YEARS,
        "article4_deadline": dates.ARTICLE_4_YEARS,
    }
    printed = [one for one in registry.claims if one.property in years and one.verified]
    assert len(printed) >= 6
    for claim in printed:
        in_force = standing(registry, claim.subject, TODAY).in_force
        assert in_force is not None
        computed = dates.months_later(in_force, 12 * years[claim.property])
        assert computed.isoformat() == claim.value, claim.id


def test_no_claim_tells_of_a_decision_after_its_source_was_dated() -> None:
    """A page of 2018 cannot say what a meeting of 2019 granted."""
    registry = shipped()
    for claim in registry.claims:
        dated = registry.sources[claim.source_id].dated
        if dated and claim.starts:
            assert first_day(claim.starts) <= last_day(dated), claim.id


def test_a_request_is_not_told_as_granted_and_a_grant_that_was_not_read_is_unverified() -> None:
    registry = shipped()
    assert [one.value for one in registry.of("BGR", "article3_extension")] == ["2021-04-01"]
    assert registry.of("BGR", "article3_request")[0].value == "15 months more, to 2023"
    assert [one.checked for one in registry.of("DEU", "article4_extension")] == ["recalled", "recalled"]
    assert registry.of("DEU", "article4_request")[0].verified


def test_lithuania_is_a_party_until_the_day_before_it_left_and_its_history_is_kept() -> None:
    before, after = (standing(shipped(), "LTU", day) for day in (date(2025, 3, 5), date(2025, 3, 6)))
    assert (before.status, after.status) == ("party", "withdrawn")
    assert after.deposit == date(2011, 3, 24)
    assert [one.state for one in duties_of(shipped(), "LTU", date(2025, 3, 6))] == ["none"]


def test_a_deposit_to_come_is_not_told_before_its_day() -> None:
    assert standing(shipped(), "VUT", date(2025, 9, 4)).deposit is None
    assert standing(shipped(), "VUT", date(2025, 9, 5)).deposit == date(2025, 9, 5)
    assert not standing(shipped(), "VUT", date(2026, 2, 28)).bound
    assert standing(shipped(), "VUT", date(2026, 3, 1)).bound


def test_what_the_depositary_says_stands_first_and_dissent_stays() -> None:
    said = [(one.value, one.kind) for one in shipped().of("BDI", "deposit")]
    assert said[0] == ("2009-09-25", "depositary")
    assert ("2009-12-25", "monitor") in said
    assert [one.value for one in shipped().of("GNB", "signature")] == ["2008-12-04", "2008-12-03"]
    assert {one.value for one in shipped().of("LAO", "cleared") if one.starts == "2024"} == {"71.7", "75.03"}


def test_no_claim_is_without_a_source_and_every_recalled_one_is_called_unverified() -> None:
    registry = shipped()
    for claim, row in zip(registry.claims, in_rows(registry, registry.claims), strict=True):
        assert row["reported_by"]
        assert (row["checked"] == "unverified") == (claim.checked == "recalled")
        words = said_by(registry, claim)
        assert words.startswith(f"reported by {row['reported_by']} ({claim.confidence}")
        assert words.endswith("unverified") == (claim.checked == "recalled")


def test_transfers_announced_in_2023_and_2024_are_there_and_verified() -> None:
    announced = [
        one.starts
        for one in transfers(shipped())
        if (one.subject, one.other) == ("USA", "UKR") and one.verified
    ]
    for day in ("2023-07-07", "2023-09-21", "2023-10-17", "2024-03-12", "2024-04-24"):
        assert day in announced


def test_use_is_told_of_all_sides_with_its_level() -> None:
    ukraine = uses(shipped(), "UKR")
    assert {"Russia", "Ukraine"} <= {one.other for one in ukraine}
    assert {one.confidence for one in uses(shipped())} == {"confirmed", "credible", "alleged"}


def test_contamination_is_told_inside_and_outside_the_convention() -> None:
    found = contamination(shipped())
    assert {"LAO", "KHM", "UKR", "VNM", "area-kosovo"} <= set(found)


def test_munition_types_stand_in_the_order_of_their_names() -> None:
    registry = shipped()
    names = [registry.munitions[key].name for key in munitions(registry)]
    assert names == sorted(names)
    assert len(names) == 30


def test_a_party_and_a_rival_claim_of_one_shell_stand_side_by_side() -> None:
    said = {(one.kind, one.value) for one in shipped().of("munition:m864", "failure_rate")}
    assert said == {("official", "0.0235"), ("press", "0.14")}


def test_nobody_is_called_overdue_by_what_the_registry_holds() -> None:
    """Where a deadline has passed, the registry has not read what came of a request, or whether there is anything."""
    found = all_duties(shipped(), TODAY)
    assert len(found) == 112
    assert not [(s, d.key) for s, owed in found.items() for d in owed if d.state == "overdue"]


def test_lao_pdr_has_until_1_august_2030() -> None:
    duty = {one.key: one for one in duties_of(shipped(), "LAO", TODAY)}["article4"]
    assert (duty.due, duty.state) == (date(2030, 8, 1), "open")
    assert "1 Aug 2010 + 10 years = 1 Aug 2020; + 60 months" in duty.arithmetic


def test_history_ends_on_the_day_asked_and_tells_every_change() -> None:
    told = history(shipped(), TODAY)
    assert told[-1] == counts(shipped(), TODAY)
    assert [one.as_of for one in told] == sorted({one.as_of for one in told})
    assert (date(2025, 3, 6), 111) in [(one.as_of, one.party) for one in told]


@pytest.mark.parametrize(
    ("asked", "code"), [("LAO", "LAO"), ("kosovo", "area-kosovo"), ("Germany", "DEU"), ("x", None)]
)
def test_a_state_is_found_by_code_or_name(asked: str, code: str | None) -> None:
    assert find(shipped(), asked) == code


def test_an_unknown_state_or_status_is_refused_in_words() -> None:
    with pytest.raises(InputRefused, match="no state 'ATL'"):
        standing(shipped(), "ATL", TODAY)
    with pytest.raises(InputRefused, match="no status 'friend'"):
        states(shipped(), TODAY, "friend")
