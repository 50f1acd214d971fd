"""A stamp for every record, so that what is SIMULATED stays marked wherever it goes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# Frozen: the kinds of that time.
KINDS = (
    *(
        "programme",
        "evidence",
        "searched",
        "box",
        "strike",
        "hazardous_area",
        "release",
        "task",
        "item_destroyed",
    ),
    *("qc_sample", "accident", "victim", "eore_session", "public_report", "run", "document"),
)


def upgrade() -> None:
    """Add the column; versions of before have none, and their history stays as it was written."""
    for kind in KINDS:
        op.add_column(kind, sa.Column("stamp", sa.Text()))
