"""A national standard: every value has a source, and a version of it can be told from another."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from fadeout.errors import InputRefused
from fadeout.records import standard as standards


def written(tmp_path: Path, text: str, name: str = "mine.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def based(tmp_path: Path, lines: str, base: str = "south-east-asia", name: str = "mine.toml") -> Path:
    return written(tmp_path, f'based_on = "{base}"\nname = "mine"\nversion = "1"\n{lines}', name)


@pytest.mark.parametrize("name", standards.SHIPPED)
def test_every_value_of_a_shipped_standard_has_a_source(name: str) -> None:
    standard = standards.load(name)
    told = {row[0] for row in standard.sources()}
    asked = set(standards.Standard.model_fields) - {"name", "version", "digest", "states", "value_sources"}
    assert asked | {f"states.{state}" for state in standards.BOX_STATES} == told
    assert all(source.strip() for _, _, source in standard.sources())


def test_the_shipped_standards_own_to_be_recalled_or_assumed() -> None:
    sources = [source for _, _, source in standards.load().sources()]
    assert all(source.startswith(("assumed", "recalled, confirm")) for source in sources)


def test_a_copy_of_a_shipped_standard_is_the_same_standard(tmp_path: Path) -> None:
    copy = written(tmp_path, "# a copy\n" + standards.shipped_text())
    assert standards.load(copy) == standards.load()


def test_a_standard_may_hold_only_what_differs(tmp_path: Path) -> None:
    mine = standards.load(based(tmp_path, 'box_side_m = { value = 100, source = "NS 21, 4.2" }'))
    assert (mine.box_side_m, mine.value_sources["box_side_m"], mine.growth) == (100.0, "NS 21, 4.2", 8)


def test_a_standard_may_stand_on_another_programmes_file(tmp_path: Path) -> None:
    based(tmp_path, 'growth = { value = 4, source = "one" }', name="first.toml")
    second = based(tmp_path, 'buffer_m = { value = 7, source = "two" }', "first.toml", "second.toml")
    mine = standards.load(second)
    assert (mine.growth, mine.buffer_m, mine.box_side_m) == (4, 7.0, 50.0)


def test_a_standard_that_stands_on_itself_is_refused(tmp_path: Path) -> None:
    based(tmp_path, "", "second.toml", "first.toml")
    second = based(tmp_path, "", "first.toml", "second.toml")
    with pytest.raises(InputRefused, match="based on itself"):
        standards.load(second)


def test_another_colour_of_one_state_leaves_the_others(tmp_path: Path) -> None:
    look = '[states.clear]\nname = "x"\ncolour = "#006600"\nletter = "C"\nsource = "NS 21"'
    mine = standards.load(based(tmp_path, look))
    assert (mine.states["clear"].colour, mine.states["found"]) == (
        "#006600",
        standards.load().states["found"],
    )


@pytest.mark.parametrize(
    "lines",
    [
        'box_side_m = { value = 49.0, source = "recalled, confirm" }',  # a value
        'growth = { value = 8, source = "NS 21" }',  # a source alone
    ],
)
def test_a_change_of_a_value_or_of_its_source_changes_the_digest(tmp_path: Path, lines: str) -> None:
    same = standards.load(based(tmp_path, "", name="same.toml"))
    assert standards.load(based(tmp_path, lines)).digest != same.digest


def test_a_change_of_the_standard_underneath_changes_the_digest_of_what_stands_on_it(tmp_path: Path) -> None:
    based(tmp_path, "", name="base.toml")
    mine = based(tmp_path, "", "base.toml")
    before = standards.load(mine).digest
    based(tmp_path, 'depth_cm = { value = 30, source = "NS 22" }', name="base.toml")
    assert standards.load(mine).digest != before


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("box_side_m = 50", "profile.no-source"),
        ('box_side_m = { value = 0, source = "x" }', "profile.bad-value"),
        ('growth = { value = 6, source = "x" }', "profile.bad-value"),
        ('boxside = { value = 6, source = "x" }', "profile.unknown"),
        ('effort_share = { value = 0, source = "x" }', "profile.contradiction"),
        ('found_by = { value = ["item", "rumour"], source = "x" }', "profile.contradiction"),
        ('direct = { value = ["strike_record"], source = "x" }', "profile.contradiction"),
        ('trace_by = { value = ["item"], source = "x" }', "profile.contradiction"),
        (
            '[states.clear]\nname = "x"\ncolour = "#ffffff"\nletter = "C"\nsource = "x"',
            "profile.contradiction",
        ),
        (
            '[states.unclear]\nname = "x"\ncolour = "#fffff0"\nletter = "U"\nsource = "x"',
            "profile.contradiction",
        ),
    ],
)
def test_a_faulty_standard_is_refused(tmp_path: Path, lines: str, code: str) -> None:
    with pytest.raises(InputRefused) as refused:
        standards.load(based(tmp_path, lines))
    assert {problem.code for problem in refused.value.problems} == {code}


def test_every_fault_of_a_standard_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputRefused) as refused:
        standards.load(written(tmp_path, 'name = "x"\nversion = "1"\n'))
    assert len(refused.value.problems) > 10
    assert 'based_on = "south-east-asia"' in refused.value.problems[0].remedy


def test_a_standard_cannot_be_changed_once_read() -> None:
    with pytest.raises(ValidationError):
        standards.load().growth = 4
