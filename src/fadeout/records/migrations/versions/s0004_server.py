"""Accounts, sessions, tokens of map programs, and work in the background: what a server keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fadeout.records import schema

revision = "0004"
down_revision = "0003"

# Frozen: what the tables were then. A column is "name type", with ! where it is never empty; the first is the key.
TABLES = {
    "account": (
        "login text!; name text!; roles text!; active flag!; password text; totp text; totp_used text; "
        "failed whole!; locked_until text; invite_hash text; invite_until text; made_at text!"
    ),
    "web_session": "token_hash text!; login text!; csrf text!; made_at text!; seen_at text!; ends_at text!",
    "access_token": "token_hash text!; login text!; label text!; made_at text!",
    "work": (
        "id text!; kind text!; asked text!; who text!; state text!; made_at text!; began_at text; beat_at text; "
        "ended_at text; share real!; words text!; result text!; tries whole!; cancel flag!"
    ),
}


def upgrade() -> None:
    """Make the four tables."""
    for name, columns in TABLES.items():
        op.create_table(name, *(_column(n, said) for n, said in enumerate(columns.split("; "))))
    op.create_index("work_state", "work", ["state"])


def _column(number: int, said: str) -> sa.Column[object]:
    name, kind = said.split()
    made = schema.BIG if kind.startswith("whole") else schema.TYPES[kind.rstrip("!")]
    return sa.Column(name, made, nullable=not kind.endswith("!"), primary_key=number == 0)
