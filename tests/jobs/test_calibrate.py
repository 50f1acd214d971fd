"""What `calibrate` refuses before it computes, and how finished areas are told from others; no fit is made here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from shapely.affinity import translate
from survey_files import Layer, at, square, write

from fadeout.errors import InputRefused
from fadeout.jobs import calibrate, district_profile, finished, gridding
from fadeout.model import pooling
from fadeout.records import profile as profiles

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BOXES = Layer("searched", ((square(0, 0, 200), {"id": "B1", "method": "clearance"}),))
AREA = Layer("area", ((square(0, 0, 200), {"name": "finished"}),))
FINDS = Layer("evidence", ((at(100, 100), {"id": "F1", "kind": "item", "count": 2}),))


def area(folder: Path, name: str, *layers: Layer, east: float = 0.0) -> Path:
    moved = [
        replace(one, rows=tuple((translate(shape, east, 0), row) for shape, row in one.rows))
        for one in layers
    ]
    return write(folder, "gpkg", *moved, stem=name)[0]


def refused(request: calibrate.Request, **options: int) -> list[str]:
    with pytest.raises(InputRefused) as caught:
        calibrate.calibrate(request, now=NOW, **options)
    assert not request.out.exists()
    return [problem.code for problem in caught.value.problems]


def read(*paths: Path) -> tuple[list[finished.Area], list[str]]:
    return finished.read(paths, profiles.load(), date(2026, 1, 1))


def test_a_profile_without_strikes_teaches_nothing(tmp_path: Path) -> None:
    told = 'based_on = "default"\nname = "none"\nversion = "1"\nstrikes_per_km2 = { value = 0, source = "a test" }\n'
    (tmp_path / "none.toml").write_text(told)
    path = area(tmp_path, "one", FINDS, BOXES, AREA)
    request = calibrate.Request((path,), tmp_path / "out.toml", profile=str(tmp_path / "none.toml"))
    assert refused(request) == ["calibrate.no-strikes"]


def test_areas_that_fit_alone_but_not_together_are_refused_with_what_they_need(tmp_path: Path) -> None:
    paths = tuple(area(tmp_path, f"a{n}", FINDS, BOXES, AREA, east=1_000.0 * n) for n in range(3))
    prior = gridding.prior_of(profiles.load())
    alone = gridding.memory_needed(8, 8, prior.footprints, 25.0)
    rows, cols = pooling.size([(8, 8)] * 3, prior.footprints, 25.0)
    together = gridding.memory_needed(rows, cols, prior.footprints, 25.0)
    assert alone < together
    request = calibrate.Request(paths, tmp_path / "out.toml")
    assert refused(request, memory_bytes=(alone + together) // 2) == ["calibrate.too-large"]


def test_a_file_in_no_folder_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    request = calibrate.Request((tmp_path / "none.gpkg",), tmp_path / "nowhere" / "out.toml")
    assert refused(request) == ["out.no-folder"]
    assert refused(replace(request, out=tmp_path / "out.toml")) == ["file.missing"]


def test_partial_and_weak_searches_do_not_finish_an_area(tmp_path: Path) -> None:
    partial = BOXES.but(1, outcome="partial", share_searched=0.9)
    weak = Layer("searched", ((square(0, 0, 200), {"id": "B1", "detection": 0.2}),))
    for name, boxes in (("partial", partial), ("weak", weak)):
        with pytest.raises(InputRefused, match=r"calibrate\.not-finished"):
            read(area(tmp_path, name, boxes, AREA))


def test_ground_that_cannot_hold_items_need_not_be_searched(tmp_path: Path) -> None:
    half = Layer("searched", ((square(0, 0, 100), {"id": "B1", "method": "clearance"}),))
    water = Layer("excluded", ((square(0, 0, 200).difference(square(0, 0, 100)), {"name": "lake"}),))
    (one,), _ = read(area(tmp_path, "lake", half, AREA, water))
    assert one.searched_share == pytest.approx(1.0)
    assert one.ground_m2 == pytest.approx(10_000.0)


def test_areas_that_share_some_ground_are_taken_and_said_to_count_it_twice(tmp_path: Path) -> None:
    paths = [area(tmp_path, "west", FINDS, BOXES, AREA), area(tmp_path, "east", BOXES, AREA, east=150.0)]
    areas, notes = read(*paths)
    assert [one.finds for one in areas] == [2, 0]
    assert len(notes) == 1
    assert "share 25% of the smaller" in notes[0]


def test_what_the_profile_holds_fixed_is_opened_and_what_it_learns_stays_as_wide() -> None:
    given = profiles.load().model_copy(update={"items_spread": 0.3, "background_per_km2": 0.0})
    opened = calibrate.opened(given)
    assert (opened.items_spread, opened.strikes_certainty) == (0.3, calibrate.OPENED["strikes_certainty"])
    assert opened.background_certainty == "fixed"


def test_any_text_stands_in_toml_as_it_is() -> None:
    import tomllib

    for words in ('a "quoted" name', "line\nbreak", "back\\slash", "ថ្នាំ", "\x7f\x01"):
        assert tomllib.loads(f"a = {district_profile._quoted(words)}")["a"] == words
        assert "\n" not in district_profile._line(words)
