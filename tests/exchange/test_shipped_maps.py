"""An export of a national information system comes in through a shipped map, and nothing of it is guessed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from fadeout.exchange import column_map, shipped_maps
from fadeout.jobs.storing import Request, Review, take_in
from fadeout.records.access import Viewer
from fadeout.records.catalogue import KINDS, fields_of
from fadeout.records.store import Store, create_store

HAZARDS = """imsma_id,imsma_links,name,type,status,closed_by,date_of_report,date_of_closure,wkt
hazard_poly_145,"accident_7, spot_3",Ban Na,SHA,Open,,2024-05-01,,"POLYGON ((107 16, 107.1 16, 107 16.1, 107 16))"
hazard_poly_146,,Ban Nua,CHA,Open,,2024-06-01,,"POLYGON ((108 16, 108.1 16, 108 16.1, 108 16))"
hazard_poly_147,,Ban Tai,SHA,Closed,cleared,2020-06-01,2023-01-31,"POLYGON ((109 16, 109.1 16, 109 16.1, 109 16))"
"""


def taken(tmp_path: Path, text: str, name: str) -> tuple[Review, Store]:
    path = tmp_path / "export.csv"
    path.write_text(text, encoding="utf-8")
    store = create_store(tmp_path / "store.gpkg")
    request = Request((path,), who="test", column_map=shipped_maps.path_of(name), crs="EPSG:4326")
    (review,) = take_in(store, request, today=date(2026, 12, 1))
    return review, store


@pytest.mark.parametrize("name", shipped_maps.names())
def test_every_shipped_map_can_be_read_and_names_fields_that_there_are(name: str) -> None:
    for entry in column_map.load(shipped_maps.path_of(name)).layer:
        known = {about.name for about in fields_of(KINDS[entry.to])}
        assert {*entry.columns, *entry.constants, *entry.values} <= known


def test_hazardous_areas_come_in_with_their_links_and_where_they_stand(tmp_path: Path) -> None:
    review, store = taken(tmp_path, HAZARDS, "imsma-hazards")
    assert review.problems == []
    found = store.page("hazardous_area", Viewer("test", "staff"))
    assert [(one.id, one.values["state"], one.values.get("class")) for one in found] == [
        ("hazard_poly_145", "suspected", "SHA"),
        ("hazard_poly_146", "confirmed", "CHA"),
        ("hazard_poly_147", "cleared", "SHA"),
    ]
    assert found[0].values["links"] == "accident_7, spot_3"
    assert found[2].values["closed_on"] == "2023-01-31"


def test_an_area_that_is_closed_and_does_not_say_how_is_refused(tmp_path: Path) -> None:
    review, _ = taken(tmp_path, HAZARDS.replace(",cleared,", ",closed,"), "imsma-hazards")
    assert [one.code for one in review.problems] == ["intake.bad-value"]


def test_a_column_that_the_export_has_not_is_told_with_those_it_has(tmp_path: Path) -> None:
    review, _ = taken(tmp_path, HAZARDS.replace("date_of_closure", "einddatum"), "imsma-hazards")
    assert "map.no-column" in [one.code for one in review.problems]
