"""A profile's every number has a source, and a faulty profile is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from fadeout.errors import InputRefused
from fadeout.records import profile as profiles

SHIPPED = Path(profiles.__file__).parent / "profiles" / "default.toml"


OPENED = (  # what the shipped profile holds fixed, opened to what the data say
    ('strikes_certainty = { value = "fixed"', "strikes_certainty = { value = 1.0"),
    ('items_spread = { value = "fixed"', "items_spread = { value = 0.7"),
    ('detection = 0.5\ncertainty = "fixed"', "detection = 0.5\ncertainty = 8"),
)


def copied(tmp_path: Path, old: str, new: str) -> Path:
    text = SHIPPED.read_text(encoding="utf-8")
    for fixed, opened in OPENED:
        assert fixed in text
        text = text.replace(fixed, opened, 1)
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_the_shipped_profile_has_a_source_for_every_value() -> None:
    assert all(source.strip() for _, _, source in profiles.load().sources())


def test_the_shipped_footprints_are_two_round_ones_and_three_sizes_in_four_directions() -> None:
    shapes = profiles.load().footprints
    assert (len(shapes), {shape.kind for shape in shapes}, {shape.weight for shape in shapes}) == (
        14,
        {"far"},
        {1.0},
    )


def test_a_copy_of_the_shipped_profile_differs_in_its_digest_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("# ours\n" + SHIPPED.read_text(encoding="utf-8"), encoding="utf-8")
    mine, shipped = profiles.load(path), profiles.load()
    assert (mine.digest != shipped.digest, mine.model_copy(update={"digest": ""})) == (
        True,
        shipped.model_copy(update={"digest": ""}),
    )


def test_a_profile_may_hold_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'based_on = "default"\nname = "mine"\nversion = "1"\nbox_side_m = { value = 25, source = "national standard" }'
    )
    mine = profiles.load(path)
    assert (mine.box_side_m, mine.growth, mine.value_sources["box_side_m"]) == (25.0, 8, "national standard")


def test_a_method_of_ones_own_stands_beside_the_shipped_ones(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'based_on = "default"\nname = "mine"\nversion = "1"\n[methods.dog]\ndetection = 0.9\nsource = "trial"'
    )
    assert {"dog", "visual", "clearance"} <= set(profiles.load(path).methods)


def test_a_profile_cannot_be_changed_once_read() -> None:
    with pytest.raises(ValidationError):
        profiles.load().box_side_m = 10.0


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("growth = {", "growht = {", "profile.missing"),
        ('growth = { value = 8, source = "', 'growth = { value = 8, sauce = "', "profile.no-source"),
        ("growth = { value = 8", "growth = { value = 6", "profile.bad-value"),
        ("items_per_strike = { value = 30.0", "items_per_strike = { value = -1", "profile.bad-value"),
        ("hazard_share = { value = 0.05", "hazard_share = { value = 5", "profile.bad-value"),
        ("detection = 0.5", "detection = 50", "profile.bad-value"),
        ("sigma_minor_m = 40", "sigma_minor = 40", "profile.missing"),
        ("version = ", "version ", "profile.not-toml"),
        ("strikes_certainty = { value = 1.0", "strikes_certainty = { value = 0", "profile.bad-value"),
        ("items_spread = { value = 0.7", 'items_spread = { value = "wide"', "profile.bad-value"),
        ("reporting_probability = { value = 0.1", "reporting_probability = { value = 0", "profile.bad-value"),
        ("removed_share = { value = 0.0", "removed_share = { value = 1.0", "profile.bad-value"),
        ("certainty = 8", "detection_alpha = 4\ndetection_beta = 4", "profile.contradiction"),
        ("certainty = 8", "detection_alpha = 4", "profile.contradiction"),
        ("detection = 0.5\ncertainty = 8", "detection = 1.0\ncertainty = 8", "profile.contradiction"),
        ("certainty = 8", "certainty = 8\nseeded_found = 3\nseeded_laid = 2", "profile.contradiction"),
        ("certainty = 8", "certainty = 8\nseeded_found = 1\nseeded_laid = 2", "profile.contradiction"),
        (
            "certainty = 8",
            'certainty = "fixed"\nseeded_found = 1\nseeded_laid = 2\nseeded_source = "trial"',
            "profile.contradiction",
        ),
        ("strikes_per_km2 = { value = 1.0", "strikes_per_km2 = { value = 0", "profile.contradiction"),
        (
            'removed_certainty = { value = "fixed"',
            "removed_certainty = { value = 10",
            "profile.contradiction",
        ),
    ],
)
def test_a_faulty_profile_is_refused(tmp_path: Path, old: str, new: str, code: str) -> None:
    with pytest.raises(InputRefused) as refused:
        profiles.load(copied(tmp_path, old, new))
    assert code in {problem.code for problem in refused.value.problems}


def test_every_fault_of_a_profile_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "x"\nversion = "1"\n')
    with pytest.raises(InputRefused) as refused:
        profiles.load(path)
    assert len(refused.value.problems) > 10


def test_a_profile_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"profile\.unreadable"):
        profiles.load(tmp_path / "none.toml")


def test_a_detection_may_be_a_beta_prior(tmp_path: Path) -> None:
    path = copied(tmp_path, "detection = 0.5\ncertainty = 8", "detection_alpha = 6\ndetection_beta = 2")
    method = profiles.load(path).methods["visual"]
    assert (method.detection, method.sureness) == (0.75, 8)


@pytest.mark.parametrize("name", ["technical_survey", "Technical Survey", " technical-survey "])
def test_a_method_is_found_whatever_its_spelling(name: str) -> None:
    assert profiles.load().method(name) is not None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("CBU24 AN PR/MT (BLU26)", "cbu24"),
        ("CBU-24/29", "cbu24"),
        ("cbu 87/B", "cbu87"),
        ("CBU49 AN PR MINE", "cbu24"),
        ("MK-20 AN TANK/MTL", "rockeye"),
        ("CBU-2", None),
        ("CBU-240", None),
        ("", None),
    ],
)
def test_a_munition_is_known_by_how_its_record_begins(text: str, key: str | None) -> None:
    profile = profiles.load()
    assert profile.munition(text) == (profile.items_by_munition[key] if key else None)


def test_every_number_may_be_fixed(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    names = ("strikes_certainty", "items_spread", "reporting_certainty")
    fixed = "\n".join(f'{name} = {{ value = "fixed", source = "a test" }}' for name in names)
    path.write_text(f'based_on = "default"\nname = "mine"\nversion = "1"\n{fixed}')
    mine = profiles.load(path)
    assert [getattr(mine, name) for name in names] == ["fixed"] * 3


def test_laid_out_items_and_their_source_stand_in_the_report(tmp_path: Path) -> None:
    seeded = (
        'certainty = 8\nseeded_found = 19\nseeded_laid = 20\nseeded_source = "quality control, March 2026"'
    )
    rows = {name: row for name, *row in profiles.load(copied(tmp_path, "certainty = 8", seeded)).sources()}
    value, source = rows["methods.visual"]
    assert ("19 of 20" in value, "March 2026" in source) == (True, True)


def test_the_shipped_learning_profile_opens_what_the_default_holds_fixed() -> None:
    default, learning = profiles.load(), profiles.load("learning")
    assert (default.strikes_certainty, learning.strikes_certainty) == (profiles.FIXED, 1.0)
    assert all(method.sureness is None for method in default.methods.values())
    assert all(method.sureness is not None for method in learning.methods.values())
    # nothing else differs: what is believed before is the same
    assert learning.items_per_strike == default.items_per_strike
    assert {n: m.detection for n, m in learning.methods.items()} == {
        n: m.detection for n, m in default.methods.items()
    }


def test_stated_credibilities_move_by_the_profiles_factor_of_odds_and_others_are_its_default() -> None:
    profile = profiles.load().model_copy(update={"credibility_odds_factor": 3.0})
    assert profile.believed(None) == profile.default_credibility
    assert profile.believed(0.5) == pytest.approx(0.75)
    assert (profile.believed(0.0), profile.believed(1.0)) == (0.0, 1.0)


def test_a_profile_that_says_nothing_of_records_takes_them_as_they_stand(tmp_path: Path) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith(("position_error_f", "credibility_o"))]
    assert len(kept) == len(text.splitlines()) - 2
    (tmp_path / "older.toml").write_text("\n".join(kept), encoding="utf-8")
    older = profiles.load(tmp_path / "older.toml")
    assert (older.position_error_factor, older.believed(0.3)) == (1.0, pytest.approx(0.3))
