"""Stores for the tests: the same suite runs over both databases."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from postgres import Cluster, cluster

from fadeout.records.store import Store, create_store

Address = Callable[[], str]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    """Gives the address of a place where no store is yet, another one each time."""
    count = itertools.count(1)
    if request.param == "sqlite":
        return lambda: str(tmp_path / f"store{next(count)}.gpkg")
    return request.getfixturevalue("postgres").database  # type: ignore[no-any-return]


@pytest.fixture
def clock() -> Callable[[], datetime]:
    """A clock that goes on by a day each time it is looked at, from 1 January 2026."""
    days = itertools.count()
    return lambda: datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=next(days))


@pytest.fixture
def store(address: Address, clock: Callable[[], datetime]) -> Store:
    return create_store(address(), clock)
