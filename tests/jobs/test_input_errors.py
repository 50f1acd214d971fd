"""The pages on input say what the program does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from fadeout.exchange import column_map, formats
from fadeout.jobs.intake_tables import ROLES
from fadeout.records import profile as profiles

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "input-errors.md").read_text(encoding="utf-8")
HOW_TO = (ROOT / "docs" / "how-to" / "your-own-data.md").read_text(encoding="utf-8")
CODE = re.compile(r"[\"`]((?:file|map|profile|intake|gridding|out)\.[a-z]+(?:-[a-z]+)*)[\"`]")
FILE_NAMES = (".toml", ".html", ".json")


def codes_in_source() -> set[str]:
    found = set()
    for path in (ROOT / "src").rglob("*.py"):
        found |= {
            code for code in CODE.findall(path.read_text(encoding="utf-8")) if not code.endswith(FILE_NAMES)
        }
    return found


OTHER = re.compile(
    r"[\"`]((?:store|record|merge|backup|gate|rules|ledger|hazardous|boxes|keys|persons|counts|forms|collect|export|write|traverse)"
    r"\.[a-z]+(?:-[a-z]+)*)[\"`]"
)


def test_every_code_of_the_store_stands_on_a_page() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    told = set(OTHER.findall(pages))
    used = {
        code
        for path in (ROOT / "src").rglob("*.py")
        for code in OTHER.findall(path.read_text(encoding="utf-8"))
        if not code.endswith(("store.gpkg", "forms.read", "forms.toml", ".html"))
    }
    assert used - told == set()


def examples() -> list[str]:
    return re.findall(r"```toml\n(.*?)```", HOW_TO, re.DOTALL)


def test_every_code_of_the_source_stands_on_the_page() -> None:
    assert codes_in_source() - set(CODE.findall(PAGE)) == set()


def test_every_code_of_the_page_stands_in_the_source() -> None:
    assert set(CODE.findall(PAGE)) - codes_in_source() == set()


@pytest.mark.parametrize("role", ROLES)
def test_the_how_to_names_every_column_of_every_layer(role: str) -> None:
    (row,) = [line for line in HOW_TO.splitlines() if line.startswith(f"| `{role}` |")]
    wanted = [] if role in ("area", "excluded") else list(ROLES[role].columns)
    assert [name for name in wanted if name not in row] == []


def test_the_how_to_names_every_suffix() -> None:
    missing = [s for form in formats.FORMATS for s in form.suffixes if s.strip(".") not in HOW_TO.lower()]
    assert missing == []


def test_the_example_of_a_column_map_is_one() -> None:
    assert len(column_map.ColumnMap.model_validate(tomllib.loads(examples()[0])).layer) == 2


def test_the_example_of_a_profile_is_one(tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    path.write_text(examples()[1], encoding="utf-8")
    assert profiles.load(path).box_side_m == 100


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "how-to" / "maps").glob("*.toml")), ids=lambda p: p.stem
)
def test_every_shipped_map_can_be_read_and_says_that_it_is_no_cluster_munition(path: Path) -> None:
    assert column_map.load(path).stamp == "not cluster munition remnants: no conclusion about hazard"
