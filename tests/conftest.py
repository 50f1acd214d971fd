"""What tests of every room may use; it imports nothing that the model's own environment lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the reference data beside the project."""
    if not SHARED.is_dir():
        pytest.skip("the reference data (../shared) are not here")
    return SHARED
