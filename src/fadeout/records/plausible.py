"""Signs that data were made up or mixed up: flagged for a person, never acted on.

Reads   arrays of ids, places, moments and digests of one kind of record
Gives   `Sign`s: which records, and in words what is odd about them
Knows   how fast people move, and how often chance makes round numbers; nothing of who entered what, or why
Start   at any function here; each looks for one sign

A sign is a question, not a finding: a device may have a wrong clock, a form may round, a team may have driven. No record
is changed, refused or weighted because of one. The tests of chance state their false alarm rate: of a hundred thousand
honest surveys, `round_coordinates` flags at most ten and `digit_preference` up to sixteen, at the `ALARM` set here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod
from scipy.stats import binom, chi2

ON_FOOT_KMH = 15.0  # between two records; assumed: a run, not kept up with equipment
BY_VEHICLE_KMH = 130.0  # assumed: fast driving on a good road
SLACK_M = 50.0  # two positions of a hand-held device may be wrong by so much together; assumed
CLOCK_S = 300.0  # a device's clock may be ahead by so much; assumed
AT_ONCE = 3  # records of one team within one second; assumed: nobody fills in three forms at once
ROUND_STEP = 1e-3  # degrees: a value that is a multiple of it is round, about 100 m
RESOLUTION = 1e-6  # degrees: what values are written to
ALARM = 1e-4  # false alarm rate of one test of chance; assumed
FEWEST_DIGITS = 50  # values below which a chi-square with 10 classes is not trusted: 5 expected in each
GEOD = Geod(ellps="WGS84")

Floats = NDArray[np.float64]
Moments = NDArray[np.datetime64]


@dataclass(frozen=True)
class Sign:
    """One thing that is odd about some records, for a person to look at."""

    code: str
    ids: tuple[str, ...]
    words: str


def impossible_speed(
    ids: Sequence[str],
    teams: Sequence[str],
    moments: Moments,
    lon: Floats,
    lat: Floats,
    *,
    limit_kmh: float = ON_FOOT_KMH,
    slack_m: float = SLACK_M,
) -> list[Sign]:
    """Tell of consecutive records of one team or device that lie too far apart for the time between them.

    Parameters
    ----------
    ids, teams : sequence of str, n
        "" where the team is not known; such records take no part.
    moments : ndarray of datetime64, n
        Of the device; NaT where unknown.
    lon, lat : ndarray, n
        Degrees.
    limit_kmh : float
        `ON_FOOT_KMH` or `BY_VEHICLE_KMH`.
    slack_m : float
        Taken off each distance, for the error of both positions. Moments are whole seconds, so one is added to the time.

    Examples
    --------
    >>> when = np.array(["2026-11-25T07:00:00", "2026-11-25T07:01:00"], dtype="datetime64[s]")
    >>> print(impossible_speed(["A", "B"], ["T", "T"], when, np.array([107.0, 107.1]), np.array([16.8, 16.8]))[0].words)
    1 step of one team between records is faster than 15 km/h, the fastest 626 km/h (A to B)
    """
    team = np.unique(np.array(teams, dtype=str), return_inverse=True)[1].ravel()
    named = np.array([bool(one) for one in teams], dtype=bool)
    known = np.flatnonzero(named & ~np.isnat(moments) & np.isfinite(lon) & np.isfinite(lat))
    order = known[np.lexsort((known, moments[known], team[known]))]
    same = team[order[1:]] == team[order[:-1]]
    a, b = order[:-1][same], order[1:][same]
    if not len(a):
        return []
    metres = np.maximum(GEOD.inv(lon[a], lat[a], lon[b], lat[b])[2] - slack_m, 0.0)
    seconds = (moments[b] - moments[a]) / np.timedelta64(1, "s") + 1.0
    speed = 3.6 * metres / seconds
    fast = speed > limit_kmh
    if not fast.any():
        return []
    top = int(np.argmax(speed))
    words = (
        f"{_count(fast.sum(), 'step')} of one team between records {'is' if fast.sum() == 1 else 'are'} faster than "
        f"{limit_kmh:g} km/h, the fastest {speed[top]:.0f} km/h ({ids[a[top]]} to {ids[b[top]]})"
    )
    return [Sign("sign.speed", _named(ids, [*a[fast], *b[fast]]), words)]


def copied_photos(ids: Sequence[str], digests: Sequence[str]) -> list[Sign]:
    """Tell of one photo on several records, by its digest; one sign for each photo.

    Examples
    --------
    >>> copied_photos(["A", "B", "C"], ["ff", "", "FF"])[0].ids
    ('A', 'C')
    """
    holders: dict[str, list[int]] = defaultdict(list)
    for row, digest in enumerate(digests):
        if digest:
            holders[digest.strip().lower()].append(row)
    return [
        Sign("sign.copied-photo", _named(ids, rows), f"one photo stands on {len(rows)} records")
        for rows in holders.values()
        if len({ids[row] for row in rows}) > 1
    ]


def round_coordinates(
    ids: Sequence[str],
    lon: Floats,
    lat: Floats,
    *,
    step: float = ROUND_STEP,
    resolution: float = RESOLUTION,
    alarm: float = ALARM,
) -> list[Sign]:
    """Tell of more round coordinates than chance makes. Eastings and northings do as well, with steps in metres.

    Parameters
    ----------
    ids : sequence of str, n
        Of the records.
    lon, lat : ndarray, n
        Degrees, or metres.
    step, resolution : float
        A value is round if it is a multiple of `step` once written to `resolution`; `step` is a multiple of `resolution`.
    alarm : float
        Chance that an honest survey is flagged, at most.

    Examples
    --------
    >>> typed = np.array([107.051, 107.062, 107.07, 107.1])
    >>> len(round_coordinates(list("ABCD"), typed, np.array([16.801, 16.82, 16.8031247, 16.9])))
    1
    """
    # Where places spread over many steps, a value's last digits are uniform: of step / resolution residues, one is round,
    # so a value is round with chance p = resolution / step (1/1000 for 0.001° written to 0.000001°). Values that occur
    # several times (boxes of one grid line, copied points) are counted once, as they are not independent. The number of
    # round ones among n different values is then Binomial(n, p), and the survey is flagged if
    # P(K >= k) < alarm. The false alarm rate is at most `alarm`, and below it as K is discrete. Longitudes and latitudes
    # are taken together: 2 n trials.
    residues = round(step / resolution)
    if residues < 2 or abs(residues * resolution / step - 1) > 1e-6:
        raise ValueError(
            f"step {step:g} is no multiple of resolution {resolution:g}; give e.g. 0.001 and 0.000001"
        )
    is_round = np.zeros(len(ids), dtype=bool)
    trials = hits = 0
    for values in (lon, lat):
        units = np.round(np.where(np.isfinite(values), values, 0.5 * resolution) / resolution).astype(
            np.int64
        )
        here = (units % residues == 0) & np.isfinite(values)
        different = np.unique(units[np.isfinite(values)])
        trials, hits = trials + len(different), hits + int((different % residues == 0).sum())
        is_round |= here
    if hits == 0 or binom.sf(hits - 1, trials, 1 / residues) >= alarm:
        return []
    words = (
        f"{hits} of {trials} different coordinates are multiples of {step:g}; chance makes about {trials / residues:.1f} "
        f"(false alarms: at most {alarm:g} of honest surveys)"
    )
    return [Sign("sign.round-coordinates", _named(ids, np.flatnonzero(is_round)), words)]


def device_after_server(
    ids: Sequence[str], device_at: Moments, received_at: Moments, *, slack_s: float = CLOCK_S
) -> list[Sign]:
    """Tell of records whose device says a time after the one at which the server had them already.

    Examples
    --------
    >>> device = np.array(["2026-11-25T08:00:00"], dtype="datetime64[s]")
    >>> print(device_after_server(["A"], device, device - np.timedelta64(3600, "s"))[0].words)
    1 record was made after it was received, by up to 60 minutes: a wrong clock, or a time entered by hand
    """
    ahead = (device_at - received_at) / np.timedelta64(1, "s")  # NaN where one is not known
    late = ahead > slack_s
    if not late.any():
        return []
    was = "was made after it was" if late.sum() == 1 else "were made after they were"
    words = (
        f"{_count(late.sum(), 'record')} {was} received, by up to {ahead[late].max() / 60:.0f} minutes: a wrong "
        "clock, or a time entered by hand"
    )
    return [Sign("sign.device-after-server", _named(ids, np.flatnonzero(late)), words)]


def same_second(
    ids: Sequence[str], teams: Sequence[str], moments: Moments, *, at_once: int = AT_ONCE
) -> list[Sign]:
    """Tell of many records that one team made in one second; records without a team count as one team.

    Examples
    --------
    >>> when = np.array(["2026-11-25T08:00:00"] * 3, dtype="datetime64[s]")
    >>> same_second(["A", "B", "C"], ["T", "T", "T"], when)[0].ids
    ('A', 'B', 'C')
    """
    seconds = moments.astype("datetime64[s]").astype(np.int64)
    made: dict[tuple[str, int], list[int]] = defaultdict(list)
    for row in np.flatnonzero(~np.isnat(moments)).tolist():
        made[teams[row], int(seconds[row])].append(row)
    crowded = [rows for rows in made.values() if len(rows) >= at_once]
    if not crowded:
        return []
    most = max(len(rows) for rows in crowded)
    words = (
        f"{_count(len(crowded), 'second')} in which one team made {at_once} or more records, at most {most}"
    )
    return [Sign("sign.same-second", _named(ids, [row for rows in crowded for row in rows]), words)]


def digit_preference(
    ids: Sequence[str], values: Floats, *, resolution: float = 1e-5, alarm: float = ALARM
) -> list[Sign]:
    """Tell of a last digit that some values have too often, as numbers made up by people do.

    Parameters
    ----------
    ids : sequence of str, n
        Of the records.
    values : ndarray, n
        Coordinates.
    resolution : float
        Unit of the digit that is looked at; one in which a device's digits are uniform.
    alarm : float
        Chance that an honest survey is flagged, about.

    Examples
    --------
    >>> made_up = 107.0 + np.arange(60) / 1e4 + 7e-5
    >>> print(digit_preference([str(n) for n in range(60)], made_up)[0].words)
    the last digit of 60 different values is 7 in 60; chance makes about 6 (false alarms: about 0.0001 of honest surveys)
    """
    # Of n different values, digits fall into 10 classes with n/10 expected in each. Pearson's statistic is chi-square
    # with 9 degrees of freedom for large n, and near it with 5 or more expected in each class (n >= 50); in the far tail
    # it is heavier: of 1,000,000 simulated surveys of 50, 60 and 500 values each, 159, 144 and 129 are flagged at 0.0001.
    units = np.unique(np.round(values[np.isfinite(values)] / resolution).astype(np.int64))
    if len(units) < FEWEST_DIGITS:
        return []
    counts = np.bincount(np.abs(units) % 10, minlength=10)
    expected = len(units) / 10
    if chi2.sf(float(((counts - expected) ** 2).sum() / expected), 9) >= alarm:
        return []
    digit = int(np.argmax(counts))
    words = (
        f"the last digit of {len(units)} different values is {digit} in {counts[digit]}; chance makes about "
        f"{expected:.0f} (false alarms: about {alarm:g} of honest surveys)"
    )
    of_digit = np.isfinite(values) & (np.abs(np.round(np.nan_to_num(values) / resolution)) % 10 == digit)
    return [Sign("sign.digit-preference", _named(ids, np.flatnonzero(of_digit)), words)]


def _named(ids: Sequence[str], rows: Iterable[int]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids[row] for row in sorted({int(row) for row in rows})))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
