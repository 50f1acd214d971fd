"""The registry's pages: one for each state, every claim with its source, no server needed, no land called safe."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
import shapely

from fadeout.errors import InputRefused
from fadeout.exchange import countries
from fadeout.jobs import charts, registry_pages
from fadeout.records.claim_files import shipped
from fadeout.treaty.state_facts import all_duties

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("registry") / "site"
    registry_pages.publish(shipped(), out, NOW, changed=registry_pages.shipped_changes(shipped(), NOW))
    return out


class Page(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src") and tag != "use"]
        self.ids |= {value or "" for name, value in attrs if name == "id"}

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.words.append(data)


def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def test_there_is_a_page_for_each_state_and_area(site: Path) -> None:
    assert {path.stem for path in (site / "states").glob("*.html")} == set(shipped().subjects)


def test_every_link_leads_to_a_file_of_the_folder_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path, page in pages(site).items():
        for link in page.links:
            if not link.startswith("#"):
                assert not re.match(r"[a-z]+:|//", link), link
                assert (path.parent / link).resolve().is_file(), (path.name, link)


def test_pages_need_no_script_and_never_call_land_safe(site: Path) -> None:
    for path, page in pages(site).items():
        assert "script" not in page.tags
        assert not re.search(r"\bsafe", " ".join(page.words), re.I), path.name


def test_every_table_has_its_json_beside_it(site: Path) -> None:
    for name in ("states", "deadlines", "transfers", "use", "contamination", "munitions", "sources"):
        assert json.loads((site / f"{name}.json").read_text(encoding="utf-8"))["rows"]
        assert f"{name}.json" in (
            site / f"{'index' if name == 'states' else 'about' if name == 'sources' else name}.html"
        ).read_text(encoding="utf-8")


def test_every_claim_stands_with_who_says_so_and_recalled_ones_are_called_unverified(site: Path) -> None:
    for path in (site / "states").glob("*.html"):
        claims = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["claims"]
        words = re.sub(r"\s+", " ", " ".join(Page(path.read_text(encoding="utf-8")).words))
        assert words.count("reported by") >= len(claims)
        marked = sum(one["checked"] == "unverified" for one in claims)
        assert words.count("Unverified") >= marked + 1  # the line that explains the word


def test_the_mark_of_what_is_unverified_stands_in_the_cell_of_what_it_marks(site: Path) -> None:
    for name in ("transfers", "use", "contamination"):
        text = (site / f"{name}.html").read_text(encoding="utf-8")
        rows = json.loads((site / f"{name}.json").read_text(encoding="utf-8"))["rows"]
        marked = sum(row["checked"] == "unverified" for row in rows)
        assert text.count('<td><span class="unverified">Unverified</span> ') == marked > 0


def test_an_area_has_its_unit_and_bounds_are_words(site: Path) -> None:
    text = (site / "contamination.html").read_text(encoding="utf-8")
    assert "<td>less than 100 km²" in text
    assert "30 to 65 km²" in text
    for path in site.rglob("*.html"):
        assert not re.search(r"\d\.\.\d|&lt;\d", path.read_text(encoding="utf-8").split("</svg>")[-1]), (
            path.name
        )


def test_where_sources_differ_both_are_there_and_the_depositary_stands_first(site: Path) -> None:
    text = (site / "states/BDI.html").read_text(encoding="utf-8")
    assert text.index("2009-09-25") < text.index("2009-12-25")
    assert "Where sources differ: 1" in text


def test_contamination_stands_apart_inside_and_outside_the_convention(site: Path) -> None:
    text = (site / "contamination.html").read_text(encoding="utf-8")
    rows = json.loads((site / "contamination.json").read_text(encoding="utf-8"))["rows"]
    stands = {row["subject"]: row["stands"] for row in rows}
    assert (stands["LAO"], stands["VNM"], stands["area-kosovo"]) == ("party", "outside", "area")
    places = [text.index(f'<h2 id="{key}">') for key in ("party", "outside", "area")]
    assert places == sorted(places)
    assert places[0] < text.index("states/LAO.html") < places[1] < text.index("states/VNM.html") < places[2]
    assert sum(text.count(f'href="states/{code}.html"') for code in stands) == len(rows)


def test_a_duty_with_nothing_to_do_has_no_day_beside_it_and_a_day_says_what_it_is(site: Path) -> None:
    for path in (site / "states").glob("*.html"):
        for title in re.findall(r"<h3>([^<]+)</h3>", path.read_text(encoding="utf-8")):
            said = title.rpartition("): ")[2]
            assert not (said.startswith("nothing to do") and re.search(r"\d{4}", said)), title
            assert "not known, " not in said or "due " in said, title


def test_every_page_is_reached_from_the_first(site: Path) -> None:
    every = {path.resolve() for path in site.rglob("*.html")}
    links = {
        path.resolve(): {(path.parent / one).resolve() for one in page.links}
        for path, page in pages(site).items()
    }
    reached, todo = set(), [(site / "index.html").resolve()]
    while todo:
        page = todo.pop()
        if page not in reached:
            reached.add(page)
            todo += list(links[page] & every)
    assert reached == every


def test_names_stand_in_six_languages_with_their_direction(site: Path) -> None:
    text = (site / "states/LBN.html").read_text(encoding="utf-8")
    assert '<dd lang="ar" dir="rtl">لبنان</dd>' in text
    assert '<dd lang="zh" dir="ltr">黎巴嫩</dd>' in text


def test_a_count_always_says_as_of_which_day(site: Path) -> None:
    for path, page in pages(site).items():
        words = " ".join(page.words)
        assert "By deposit, on 25 Nov 2026: 112 parties (112 of them in force)" in words, path.name


def test_munition_types_are_in_the_order_of_names_and_give_no_single_rate(site: Path) -> None:
    text = (site / "munitions.html").read_text(encoding="utf-8")
    names = re.findall(r'<h3 id="[^"]+">([^<]+)</h3>', text)
    assert names == sorted(names)
    assert len(names) == 30
    part = text[text.index('id="m864"') : text.index("<h3", text.index('id="m864"') + 1)]
    assert "0.0235" in part
    assert "0.14" in part


def test_as_of_an_earlier_day_the_pages_tell_that_day(tmp_path: Path) -> None:
    registry_pages.publish(shipped(), tmp_path / "old", NOW, as_of=date(2025, 3, 6))
    assert "111 parties" in (tmp_path / "old/index.html").read_text(encoding="utf-8")
    assert "Withdrawn" in (tmp_path / "old/index.html").read_text(encoding="utf-8")
    assert "claims as recorded on 2026-11-25" in (tmp_path / "old/use.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "old/states.geojson").read_text(encoding="utf-8"))["as_of"] == "2025-03-06"


def test_the_same_registry_has_the_same_bytes_and_takes_the_place_of_the_earlier_pages(site: Path) -> None:
    first = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    registry_pages.publish(shipped(), site, NOW, changed=registry_pages.shipped_changes(shipped(), NOW))
    assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == first


def test_without_shapes_there_is_no_map_and_all_else_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(countries, "there", lambda: False)
    made = registry_pages.publish(shipped(), tmp_path / "site", NOW)
    assert not made.mapped
    assert made.pages > 200


def test_the_calendar_names_deadlines_that_have_no_day_to_come_and_gives_them_no_entry() -> None:
    import icalendar

    registry, day = shipped(), NOW.date()
    read = icalendar.Calendar.from_ical(registry_pages.calendar(registry, day, NOW))
    unknown = {
        registry.subjects[code].name
        for code, owed in all_duties(registry, day).items()
        for duty in owed
        if duty.state in ("unknown", "overdue") and duty.key in ("article3", "article4")
    }
    _, *named = str(read["description"]).splitlines()
    assert unknown
    assert {line.partition(":")[0] for line in named} == unknown
    assert all(event["dtstart"].dt >= day for event in read.walk("VEVENT"))


def test_a_deadline_that_an_extension_moves_keeps_its_uid() -> None:
    import icalendar

    def uids(day: date) -> dict[str, date]:
        read = icalendar.Calendar.from_ical(registry_pages.calendar(shipped(), day, NOW, "LAO"))
        return {str(event["uid"]): event["dtstart"].dt for event in read.walk("VEVENT")}

    assert uids(date(2026, 11, 25))["LAO-article4@fadeout"] == date(2030, 8, 1)
    years = {uid for day in (date(2026, 4, 1), date(2027, 4, 1)) for uid in uids(day) if "yearly" in uid}
    assert years == {"LAO-article7_yearly-2026@fadeout", "LAO-article7_yearly-2027@fadeout"}


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputRefused, match="no earlier run"):
        registry_pages.publish(shipped(), tmp_path, NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


# --- charts -----------------------------------------------------------------------------------------------------------


def test_charts_say_their_sentence_to_those_who_do_not_see_them() -> None:
    for chart in (
        charts.parties([(date(2010, 1, 1), 26, 0), (date(2026, 1, 1), 112, 112)]),
        charts.releases([(2024, 10_000, 0, 2_000_000), (2025, 0, 5_000, 1_000_000)]),
        charts.remaining([(2024, 3_000_000), (2025, 2_000_000)], date(2030, 8, 1), 1_000_000),
    ):
        assert chart.svg.startswith('<svg role="img"')
        assert chart.title in chart.svg
        assert chart.alt.startswith(chart.title)


WORLD = {"CAN": shapely.box(-179, -55, 179, 83), "N. Cyprus": shapely.box(32, 35, 34, 36)}
TITLE_HEIGHT = 7.6  # points: a capital of ten points, from the edge to its foot


def test_no_title_of_a_chart_is_cut_at_the_edge() -> None:
    world = countries.shapes() if countries.there() else WORLD
    for chart in (
        charts.states_map({"CAN": "party"}, world, date(2026, 11, 25), countries.BORDERS),
        charts.parties([(date(2010, 1, 1), 26, 0), (date(2026, 1, 1), 112, 112)]),
        charts.remaining([(2024, 3_000_000), (2025, 2_000_000)], date(2030, 8, 1), 1_000_000),
    ):
        first = re.search(
            rf"<!-- {re.escape(chart.title)} -->.*?translate\([\d.]+ ([\d.]+)\)", chart.svg, re.S
        )
        assert first is not None
        assert float(first[1]) > TITLE_HEIGHT, chart.key


def test_what_is_drawn_without_a_standing_stands_in_the_legend() -> None:
    chart = charts.states_map({"CAN": "party"}, WORLD, date(2026, 11, 25), countries.BORDERS)
    assert "<!-- drawn without a standing -->" in chart.svg


def test_a_chart_of_what_is_left_says_when_it_would_be_done() -> None:
    assert "done about 2028" in charts.remaining([(2025, 2_000_000)], None, 1_000_000).title
    assert "not in 200 years" in charts.remaining([(2025, 2_000_000)], None, 0).title
    assert "deadline" not in charts.remaining([(2025, 2_000_000)], None, 0).title


def test_the_same_chart_has_the_same_bytes() -> None:
    rows = [(2024, 1, 2, 3), (2025, 4, 5, 6)]
    assert charts.releases(rows).svg == charts.releases(rows).svg
