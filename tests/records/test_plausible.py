"""Signs of made-up data are seen, and honest data are left alone as often as promised."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fadeout.records import plausible
from fadeout.records.plausible import Sign

DEGREE_M = 110_644.0  # metres to a degree of latitude at 16.8°


def moments(*seconds: float | None) -> NDArray[np.datetime64]:
    start = np.datetime64("2026-11-25T07:00:00", "s")
    return np.array(
        [np.datetime64("NaT", "s") if s is None else start + np.timedelta64(int(s), "s") for s in seconds],
        dtype="datetime64[s]",
    )


def walked(metres: list[float], seconds: list[float | None], teams: str = "", **limits: float) -> list[Sign]:
    lat = 16.8 + np.array(metres) / DEGREE_M
    ids = [f"EP-{n}" for n in range(len(metres))]
    of = list(teams) or ["T"] * len(metres)
    return plausible.impossible_speed(ids, of, moments(*seconds), np.full(len(metres), 107.0), lat, **limits)


@pytest.mark.parametrize(("metres", "told"), [(290.0, False), (310.0, True)])
def test_nobody_walks_faster_than_a_run(metres: float, told: bool) -> None:
    # 15 km/h for 60 s, of which 59 s passed by the clock and 1 s is its rounding: 250 m, and 50 m for both positions
    assert bool(walked([0, metres], [0, 59])) is told


def test_a_vehicle_may_be_faster() -> None:
    assert walked([0, 1000], [0, 60], limit_kmh=plausible.BY_VEHICLE_KMH) == []


def test_two_places_at_one_moment_are_too_far_apart_only_beyond_the_error_of_positions() -> None:
    assert (walked([0, 40], [0, 0]), len(walked([0, 500], [0, 0]))) == ([], 1)


def test_only_records_of_one_team_and_with_a_moment_are_compared() -> None:
    assert walked([0, 9000], [0, 60], "AB") == []
    assert walked([0, 9000], [0, None]) == []
    assert walked([], []) == []


def test_records_are_compared_in_the_order_of_their_moments() -> None:
    assert walked([0, 200, 100], [0, 120, 60]) == []
    assert walked([0, 9000, 100], [0, 120, 60])[0].ids == ("EP-1", "EP-2")


def test_a_photo_on_two_records_is_told_and_a_record_given_twice_is_not() -> None:
    assert [one.ids for one in plausible.copied_photos(list("ABCD"), ["f", "e", "F", ""])] == [("A", "C")]
    assert plausible.copied_photos(["A", "A"], ["f", "f"]) == []


def test_a_clock_that_is_ahead_is_told_beyond_what_clocks_differ() -> None:
    got = plausible.device_after_server(list("ABC"), moments(290, 310, None), moments(0, 0, 0))
    assert [one.ids for one in got] == [("B",)]


def test_three_records_of_one_team_in_one_second_are_told() -> None:
    at = moments(0, 0, 0, 5, 5, 9, None)
    assert [one.ids for one in plausible.same_second(list("ABCDEFG"), ["T"] * 7, at)] == [("A", "B", "C")]
    assert plausible.same_second(list("ABC"), ["T", "U", "V"], moments(0, 0, 0)) == []


def honest(rng: np.random.Generator, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return 107 + 0.3 * rng.random(n), 16.8 + 0.3 * rng.random(n)


def ids(n: int) -> list[str]:
    return [str(i) for i in range(n)]


def test_coordinates_typed_to_three_decimals_are_told() -> None:
    rng = np.random.default_rng(1)
    lon, lat = honest(rng, 50)
    lon[:5], lat[:5] = lon[:5].round(3), lat[:5].round(3)
    got = plausible.round_coordinates(ids(50), lon, lat)
    assert set(got[0].ids) >= set(ids(5))


def test_one_line_of_a_grid_is_counted_once() -> None:
    rng = np.random.default_rng(2)
    lon, _ = honest(rng, 200)
    assert plausible.round_coordinates(ids(200), lon, np.full(200, 16.8)) == []


def test_eastings_in_whole_hundreds_are_told() -> None:
    rng = np.random.default_rng(3)
    east, north = rng.integers(7_000, 7_200, (2, 40)) * 100.0
    assert plausible.round_coordinates(ids(40), east, north, step=100, resolution=1)


def test_round_coordinates_alarm_honest_surveys_no_more_often_than_stated() -> None:
    rng = np.random.default_rng(4)
    told = sum(
        bool(plausible.round_coordinates(ids(100), *honest(rng, 100), step=1e-2, resolution=1e-3, alarm=0.05))
        for _ in range(1_000)
    )
    # p = 1/10 for hits to be many; at most 0.05 expected, plus 4 standard errors of 1,000 draws: 50 + 4 * 6.9
    assert told <= 78


@pytest.mark.parametrize(("even", "told"), [(15, False), (16, True)])
def test_round_coordinates_are_told_from_the_number_on_that_chance_makes_too_seldom(
    even: int, told: bool
) -> None:
    # of 20 whole numbers, 15 or more are even with chance 0.0207, 16 or more with 0.0059
    values = np.array([2.0 * n for n in range(even)] + [2.0 * n + 1 for n in range(20 - even)])
    unknown = np.full(20, np.nan)
    assert (
        bool(plausible.round_coordinates(ids(20), values, unknown, step=2, resolution=1, alarm=0.01)) is told
    )


def test_a_step_that_is_no_multiple_of_the_resolution_is_refused() -> None:
    with pytest.raises(ValueError, match="no multiple"):
        plausible.round_coordinates(["A"], np.array([107.0]), np.array([16.8]), step=1.5e-6)


def test_a_digit_that_people_prefer_is_told() -> None:
    rng = np.random.default_rng(5)
    lon = np.round(honest(rng, 200)[0], 4) + rng.choice([3e-5, 7e-5], 200)
    assert plausible.digit_preference(ids(200), lon)


def test_digits_alarm_honest_surveys_about_as_often_as_stated() -> None:
    rng = np.random.default_rng(6)
    told = sum(
        bool(plausible.digit_preference(ids(60), honest(rng, 60)[0], alarm=0.05)) for _ in range(1_000)
    )
    # chi-square is near at 6 expected in each class: 50, 4 standard errors of 1,000 draws (28), and 20 for being near
    assert told <= 98


def test_few_values_say_nothing_of_digits() -> None:
    assert plausible.digit_preference(ids(20), 107 + np.arange(20) / 1e4) == []


def test_missing_places_are_no_sign() -> None:
    nothing = np.full(60, np.nan)
    assert plausible.round_coordinates(ids(60), nothing, nothing) == []
    assert plausible.digit_preference(ids(60), nothing) == []
