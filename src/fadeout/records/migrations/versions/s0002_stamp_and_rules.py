"""A stamp and what was merged, for every record; what the rules of land release ask; the log of access."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fadeout.records import schema
from fadeout.records.access_log import TRIGGERS

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

MORE = (
    ("evidence", "other_item", "flag"),
    ("hazardous_area", "reviewed_on", "date"),
    ("hazardous_area", "reviewed_by", "text"),
    ("document", "purpose", "choice"),
)


def upgrade() -> None:
    """Add columns; versions of before have nothing in them, and their history stays as it was written."""
    for kind in KINDS:
        op.add_column(kind, sa.Column("stamp", sa.Text()))
        op.add_column(kind, sa.Column("merged_from", sa.Text()))
    for kind, name, type_ in MORE:
        op.add_column(kind, sa.Column(name, schema.TYPES[type_]))
    op.create_table(
        "access_log",
        sa.Column("seq", schema.BIG, primary_key=True, autoincrement=True),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("at", "who", "role", "kind", "id", "fields", "purpose")
        ),
    )
    op.create_index("access_log_record", "access_log", ["kind", "id"])
    for statement in TRIGGERS[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
