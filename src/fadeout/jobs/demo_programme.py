"""A SIMULATED programme for a new store: a survey made up, a suspected area around its finds, a task.

Reads   the shipped strike records, as `fadeout demo` does
Gives   records that bear a stamp; the demonstration's profile among the server's profiles
Knows   that every record it makes says SIMULATED
Start   at `fill`
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import shapely

from fadeout.errors import InputRefused
from fadeout.jobs import demo, demo_input, demo_survey, storing
from fadeout.records import places
from fadeout.records.access import Viewer
from fadeout.records.record import Record
from fadeout.records.standard import Standard
from fadeout.records.store import Store

SIDE_M = 1_500.0  # of the suspected area: small enough to be assessed while somebody looks on
AREA, TASK = "SHA-001", "TASK-001"
WHY = "a SIMULATED demonstration"


def fill(store: Store, folder: Path, standard: Standard, *, now: datetime, who: str, seed: int = 1) -> None:
    """Put the demonstration into a store that is empty, its profile into `folder`.

    Raises
    ------
    InputRefused
        If the store refuses a record.
    """
    _, origins = demo_input.strike_records()
    survey = demo_survey.simulate(demo.SQUARE, np.unique(origins, axis=0), seed)
    with TemporaryDirectory() as made:
        path, profile = demo_input.write(Path(made), survey)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "demonstration.toml").write_bytes(profile.read_bytes())
        stamp = {"stamp": demo_input.STAMP}
        request = storing.Request((path,), who, WHY, constants=stamp)
        (review,) = storing.take_in(store, request, today=now.date())
    if review.problems:
        raise InputRefused(review.problems)
    square = _suspected(survey)
    standing = [
        one.id
        for one in store.page("evidence", Viewer(who, "manager"), bbox=square.bounds)
        if one.shape is not None and square.contains(one.shape)
    ]
    day = now.date().isoformat()
    area = {"state": "suspected", "class": "SHA", "name": "SIMULATED area", "opened_on": day}
    about = {"name": "SIMULATED demonstration programme", "country": "VNM"}
    with store.change(who=who, why=WHY) as change:
        change.put(
            [
                Record("programme", "PROGRAMME", {**about, **stamp}),
                Record(
                    "hazardous_area",
                    AREA,
                    {**area, "stands_on": list(standing), "profile": standard.label, **stamp},
                    square,
                ),
                Record(
                    "task",
                    TASK,
                    {
                        "kind": "ts",
                        "state": "open",
                        "team": "Team 1",
                        "hazard_id": AREA,
                        "priority": 1,
                        **stamp,
                    },
                    square,
                ),
            ]
        )


def _suspected(survey: demo_survey.Simulated) -> shapely.Polygon:
    """A square around the place with most finds near it, in longitude and latitude."""
    items = [one.place for one in survey.evidence if one.kind == "item"]
    xy = np.array([(one.x, one.y) for one in items])
    near = (np.abs(xy[:, None, :] - xy[None, :, :]).max(axis=2) < SIDE_M / 2).sum(axis=1)
    x, y = xy[int(near.argmax())]
    square = shapely.box(x - SIDE_M / 2, y - SIDE_M / 2, x + SIDE_M / 2, y + SIDE_M / 2)
    return places.move([square], demo_input.CRS, places.WGS84)[0]
