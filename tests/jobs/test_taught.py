"""Each learned number stands before and after the data, and a number that did not move is called so."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fadeout.jobs import figures, sentences
from fadeout.jobs.report_learned import contamination, what_was_taught
from fadeout.jobs.taught import taught
from fadeout.model import Footprint, Prior
from fadeout.model.effort import Method
from fadeout.model.prior import Learning

DRAWS = 40_000
PRIOR = Prior(
    strikes_per_km2=1.0,
    items_per_strike=30.0,
    items_shape=1.0,
    background_per_km2=0.2,
    footprints=(Footprint(80, 40), Footprint(40, 40, weight=3.0)),
    learned=Learning(strikes=2.0, items=0.7, shape=0.4, background=2.0, footprints=8.0),
)


def told(**changes: Any) -> dict[str, dict[str, Any]]:
    """Rows by key, of draws from the prior itself but for what is given."""
    rng = np.random.default_rng(1)
    weights = rng.dirichlet([2.0, 6.0], DRAWS)
    items = 30.0 * np.exp(0.7 * rng.normal(size=DRAWS) - 0.7**2 / 2)
    drawn: dict[str, Any] = {
        "strikes": rng.gamma(2.0, 0.5, DRAWS)[:, None] * weights,
        "shape": np.exp(0.4 * rng.normal(size=DRAWS)),
        "background": rng.gamma(2.0, 0.1, DRAWS),
        "detection": rng.beta(8.0, 2.0, DRAWS)[:, None],
        "items": items,
        **changes,
    }
    drawn["rate"] = drawn["shape"] / drawn.pop("items")
    prior = drawn.pop("prior", PRIOR)
    searches = SimpleNamespace(methods=(drawn.pop("method", Method("detector", 0.8, 10.0)),), reports=None)
    case = SimpleNamespace(
        gridded=SimpleNamespace(prior=prior, searches=searches),
        posterior=SimpleNamespace(
            draws_taken=SimpleNamespace(hyper=SimpleNamespace(**drawn)), footprints=prior.footprints
        ),
    )
    return {row["key"]: row for row in taught(case)}  # type: ignore[arg-type]


def test_draws_of_the_prior_itself_are_called_not_moved() -> None:
    assert [key for key, row in told().items() if row["moved"]] == []


@pytest.mark.parametrize("key", list(told()))
def test_the_prior_stated_is_the_one_that_is_learned_from(key: str) -> None:
    row = told()[key]
    # A quantile q of n draws has rank error √(q (1 − q) / n): 0.0011 at 5 %. Four of them move the ends of these
    # distributions by less than 5 % and their middles by less than 3 %.
    for end in ("low", "median", "high"):
        assert row[end] == pytest.approx(row[f"prior_{end}"], rel=0.05)


def test_a_number_that_the_data_narrowed_is_called_surer() -> None:
    row = told(items=np.exp(np.random.default_rng(2).normal(math.log(23.5), 0.2, DRAWS)))["items_per_strike"]
    assert (row["moved"], row["width_share"] < 0.35, "spread is 29" in row["words"]) == (True, True, True)


def test_a_number_that_moved_but_is_no_surer_is_told_as_moved() -> None:
    rng = np.random.default_rng(3)
    row = told(items=60.0 * np.exp(0.7 * rng.normal(size=DRAWS)))["items_per_strike"]
    assert row["words"] == "moved up; no surer than before"


def test_laid_out_items_are_named_beside_the_detection() -> None:
    row = told(method=Method("detector", 0.8, 10.0, seeded=(19, 20)))["detection.detector"]
    assert "19 of 20 laid-out items" in row["words"]


def test_a_fixed_number_is_told_as_fixed() -> None:
    fixed = Prior(1.0, 30.0, 1.0, 0.2, (Footprint(80, 40),))
    row = told(prior=fixed)["items_per_strike"]
    assert (row["learned"], row["median"], row["words"]) == (False, 30.0, "fixed by the profile")


def test_a_known_method_is_no_row() -> None:
    assert "detection.detector" not in told(method=Method("detector", 0.8))


def test_the_report_names_what_did_not_move() -> None:
    rows = list(told().values())
    _, words, table = what_was_taught({"taught": rows})
    assert ("detection, detector" in words["text"], len(table["rows"])) == (True, len(rows))


# --- is anything left at all? ----------------------------------------------------------------------------------------


def row(before: float, after: float, required: float = 0.95) -> dict[str, Any]:
    odds = figures.rounded(figures.odds(before, after))
    return {"name": "All", "prior_suffices": before >= required, **odds}


def test_the_bayes_factor_takes_prior_odds_to_posterior_odds() -> None:
    odds = figures.odds(0.3, 0.9)
    assert odds["prior_odds"] * odds["bayes_factor"] == pytest.approx(odds["posterior_odds"])


def test_what_the_prior_alone_gives_is_never_the_searchs_merit() -> None:
    assert "assumptions alone" in sentences.contamination(row(0.97, 0.999))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [(0.3, 0.9, "speak against"), (0.9, 0.3, "speak for"), (0.5, 0.55, "little either way")],
)
def test_the_data_speak_for_against_or_not_at_all(before: float, after: float, words: str) -> None:
    assert words in sentences.contamination(row(before, after))


def test_odds_without_end_are_told_in_words() -> None:
    *_, table = contamination({"completion": [row(0.5, 0.0)]})
    assert (table["rows"][0][3], "no chance worth naming" in table["rows"][0][4]) == ("certain", True)


@pytest.mark.parametrize(
    ("deep", "shallow", "words"), [(20.0, 0, "down to 20 cm"), (0.0, 0, "surface"), (20.0, 2, "2 searches")]
)
def test_completion_is_said_to_a_depth(deep: float, shallow: int, words: str) -> None:
    assert words in sentences.to_depth({"depth_cm": deep, "shallower_searches": shallow})
