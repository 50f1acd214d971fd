"""What the desk keeps of posts, reports, alerts and those who wait for them, and who did what with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fadeout.records import schema

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "desk_note",
        sa.Column("topic", sa.Text(), primary_key=True),
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_index("desk_note_state", "desk_note", ["topic", "state", "at"])
    op.create_table(
        "desk_log",
        sa.Column("seq", schema.BIG, primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("at", "topic", "id", "who", "what", "why")),
    )
    op.create_index("desk_log_id", "desk_log", ["topic", "id"])
