"""Claims of the public registry, and the sources that they stand in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fadeout.records import schema
from fadeout.records.layout import layout_of

revision = "0003"
down_revision = "0002"

# Frozen: what the tables were then, all of texts but for these.
BEGIN = "id informed_on source sensitivity entered entered_crs remark stamp merged_from"
END = "uuid version change recorded_at who"
WHOLE = ("version", "change")
FILLED = ("id", "sensitivity", *END.split())
KINDS = {
    (
        "claim",
        "Claim",
        "what somebody says about a state, an area or a munition type: a date, a standing, a figure",
        "",
    ): ("subject property value other starts ends source_id kind confidence checked"),
    (
        "claim_source",
        "Source of claims",
        "a page, record or report that claims stand in",
        "",
    ): "who_says title place dated",
}


def upgrade() -> None:
    """Make the two tables, as those of the first format are made."""
    layout = layout_of(op.get_bind().dialect.name)
    for kind, names in KINDS.items():
        columns = [_column(name) for name in f"{BEGIN} {names} {END}".split()]
        fid = sa.Column("fid", schema.BIG, primary_key=True, autoincrement=False)
        op.create_table(kind[0], fid, *columns)
        op.create_index(f"{kind[0]}_id", kind[0], ["id"], unique=True)
        op.create_index(f"{kind[0]}_uuid", kind[0], ["uuid"])
        layout.add_kind(op.get_bind(), kind)


def _column(name: str) -> sa.Column[object]:
    made = schema.BIG if name in WHOLE else schema.TYPES["date" if name == "informed_on" else "text"]
    return sa.Column(name, made, nullable=name not in FILLED)
