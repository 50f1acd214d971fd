"""The first format of a store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fadeout.records import schema
from fadeout.records.layout import layout_of

revision = "0001"
down_revision = None

# Frozen: what the tables were then. A column is "name type", with ! where it is never empty.
KINDS = {
    ("programme", "Programme", "who works where, under which national standard", "MULTIPOLYGON"): (
        "fid whole!; geom MULTIPOLYGON; id text!; informed_on date; source text; sensitivity text!; entered "
        "text; entered_crs text; remark text; name text; country text; authority text; profile text; "
        "started_on date; ended_on date; uuid text!; version whole!; change whole!; recorded_at text!; who "
        "text!; cell_w whole; cell_s whole; cell_e whole; cell_n whole"
    ),
    ("evidence", "Evidence point", "something seen or reported at a place", "POINT"): (
        "fid whole!; geom POINT; id text!; informed_on date; source text; sensitivity text!; entered text; "
        "entered_crs text; remark text; found_on date; kind text; how text; count whole; munition text; "
        "position_error_m real; searched_id text; photo text; photo_sha256 text; device_at moment; hazard_id "
        "text; state text; uuid text!; version whole!; change whole!; recorded_at text!; who text!; cell_w "
        "whole; cell_s whole; cell_e whole; cell_n whole"
    ),
    ("searched", "Searched area", "ground that was searched, and how", "GEOMETRY"): (
        "fid whole!; geom GEOMETRY; id text!; informed_on date; source text; sensitivity text!; entered text; "
        "entered_crs text; remark text; searched_on date; method text; detection real; outcome text; "
        "share_searched real; team text; kind text; swath_m real; depth_cm real; task_id text; effort_min "
        "real; device_at moment; uuid text!; version whole!; change whole!; recorded_at text!; who text!; "
        "cell_w whole; cell_s whole; cell_e whole; cell_n whole"
    ),
    (
        "box",
        "Survey box",
        "one box of the survey grid, with its state under the national standard",
        "MULTIPOLYGON",
    ): (
        "fid whole!; geom MULTIPOLYGON; id text!; informed_on date; source text; sensitivity text!; entered "
        "text; entered_crs text; remark text; state text; searched_on date; method text; effort_min real; "
        "share_searched real; evidence_ids text; team text; task_id text; uuid text!; version whole!; change "
        "whole!; recorded_at text!; who text!; cell_w whole; cell_s whole; cell_e whole; cell_n whole"
    ),
    ("strike", "Strike record", "a past event said to have left remnants", "POINT"): (
        "fid whole!; geom POINT; id text!; informed_on date; source text; sensitivity text!; entered text; "
        "entered_crs text; remark text; struck_on date; munition text; carriers whole; position_error_m real; "
        "credibility real; duplicate_of text; supplied_by text; uuid text!; version whole!; change whole!; "
        "recorded_at text!; who text!; cell_w whole; cell_s whole; cell_e whole; cell_n whole"
    ),
    (
        "hazardous_area",
        "Hazardous area",
        "a suspected or confirmed hazardous area (SHA, CHA)",
        "MULTIPOLYGON",
    ): (
        "fid whole!; geom MULTIPOLYGON; id text!; informed_on date; source text; sensitivity text!; entered "
        "text; entered_crs text; remark text; state text; class text; opened_on date; closed_on date; "
        "stands_on text; edges text; contamination text; land_use text; beneficiaries whole; profile text; "
        "name text; links text; uuid text!; version whole!; change whole!; recorded_at text!; who text!; "
        "cell_w whole; cell_s whole; cell_e whole; cell_n whole"
    ),
    (
        "release",
        "Land release",
        "ground cancelled, reduced or cleared, and on what evidence",
        "MULTIPOLYGON",
    ): (
        "fid whole!; geom MULTIPOLYGON; id text!; informed_on date; source text; sensitivity text!; entered "
        "text; entered_crs text; remark text; action text; hazard_id text; released_on date; method text; "
        "depth_cm real; released_by text; authority text; evidence_ids text; items_destroyed whole; task_id "
        "text; links text; uuid text!; version whole!; change whole!; recorded_at text!; who text!; cell_w "
        "whole; cell_s whole; cell_e whole; cell_n whole"
    ),
    ("task", "Task", "work given to a team", "GEOMETRY"): (
        "fid whole!; geom GEOMETRY; id text!; informed_on date; source text; sensitivity text!; entered text; "
        "entered_crs text; remark text; kind text; state text; team text; starts_on date; ends_on date; "
        "hazard_id text; priority whole; uuid text!; version whole!; change whole!; recorded_at text!; who "
        "text!; cell_w whole; cell_s whole; cell_e whole; cell_n whole"
    ),
    ("item_destroyed", "Item destroyed", "an item that no longer lies there", "POINT"): (
        "fid whole!; geom POINT; id text!; informed_on date; source text; sensitivity text!; entered text; "
        "entered_crs text; remark text; destroyed_on date; munition text; count whole; evidence_id text; "
        "task_id text; uuid text!; version whole!; change whole!; recorded_at text!; who text!; cell_w whole; "
        "cell_s whole; cell_e whole; cell_n whole"
    ),
    (
        "qc_sample",
        "Quality-control sample",
        "ground or seeded items looked at again, and what came of it",
        "GEOMETRY",
    ): (
        "fid whole!; geom GEOMETRY; id text!; informed_on date; source text; sensitivity text!; entered text; "
        "entered_crs text; remark text; sampled_on date; release_id text; result text; seeded_laid whole; "
        "seeded_found whole; missed_items whole; corrective_act text; inspector text; uuid text!; version "
        "whole!; change whole!; recorded_at text!; who text!; cell_w whole; cell_s whole; cell_e whole; "
        "cell_n whole"
    ),
    ("accident", "Accident", "an accident with remnants; persons stand apart, as victims", "POINT"): (
        "fid whole!; geom POINT; id text!; informed_on date; source text; sensitivity text!; entered text; "
        "entered_crs text; remark text; happened_on date; activity text; munition text; killed whole; injured "
        "whole; hazard_id text; uuid text!; version whole!; change whole!; recorded_at text!; who text!; "
        "cell_w whole; cell_s whole; cell_e whole; cell_n whole"
    ),
    (
        "victim",
        "Victim",
        "a person hurt; restricted, personal fields encrypted with a key of that person alone",
        "",
    ): (
        "fid whole!; id text!; informed_on date; source text; sensitivity text!; entered text; entered_crs "
        "text; remark text; accident_id text; name text; contact text; home text; health text; born_on text; "
        "sex text; age_group text; outcome text; consent text; consented_on date; uuid text!; version whole!; "
        "change whole!; recorded_at text!; who text!"
    ),
    ("eore_session", "Risk-education session", "a session of explosive ordnance risk education", "POINT"): (
        "fid whole!; geom POINT; id text!; informed_on date; source text; sensitivity text!; entered text; "
        "entered_crs text; remark text; held_on date; place_name text; language text; materials text; women "
        "whole; men whole; girls whole; boys whole; with_disability whole; uuid text!; version whole!; change "
        "whole!; recorded_at text!; who text!; cell_w whole; cell_s whole; cell_e whole; cell_n whole"
    ),
    ("public_report", "Public report", "what somebody who lives there reported", "POINT"): (
        "fid whole!; geom POINT; id text!; informed_on date; source text; sensitivity text!; entered text; "
        "entered_crs text; remark text; reported_at moment; what text; channel text; state text; photo_sha256 "
        "text; evidence_id text; position_error_m real; uuid text!; version whole!; change whole!; "
        "recorded_at text!; who text!; cell_w whole; cell_s whole; cell_e whole; cell_n whole"
    ),
    (
        "run",
        "Assessment run",
        "one assessment: what went in, what came out, by which version",
        "MULTIPOLYGON",
    ): (
        "fid whole!; geom MULTIPOLYGON; id text!; informed_on date; source text; sensitivity text!; entered "
        "text; entered_crs text; remark text; ran_at moment; hazard_id text; seed whole; made_by text; "
        "profile text; inputs text; summary text; summary_sha256 text; verdict text; simulated flag; uuid "
        "text!; version whole!; change whole!; recorded_at text!; who text!; cell_w whole; cell_s whole; "
        "cell_e whole; cell_n whole"
    ),
    ("document", "Document", "a paper, photo or file that stands elsewhere, with its digest", ""): (
        "fid whole!; id text!; informed_on date; source text; sensitivity text!; entered text; entered_crs "
        "text; remark text; title text; file text; sha256 text; media_type text; bytes whole; dated_on date; "
        "about_kind text; about_id text; uuid text!; version whole!; change whole!; recorded_at text!; who "
        "text!"
    ),
}


def upgrade() -> None:
    """Make all tables, and what stands beside them."""
    layout = layout_of(op.get_bind().dialect.name)
    op.create_table("store_guard", sa.Column("writing", schema.BIG, nullable=False))
    _history()
    layout.make(op.get_bind())
    for kind, columns in KINDS.items():
        op.create_table(kind[0], *(_column(words) for words in columns.split("; ")))
        op.create_index(f"{kind[0]}_id", kind[0], ["id"], unique=True)
        op.create_index(f"{kind[0]}_uuid", kind[0], ["uuid"])
        layout.add_kind(op.get_bind(), kind)


def _column(words: str) -> sa.Column[object]:
    name, type_ = words.rstrip("!").split()
    made = schema.geometry_type(type_) if type_.isupper() else schema.TYPES[type_]
    if name == "fid":
        return sa.Column("fid", schema.BIG, primary_key=True, autoincrement=False)
    return sa.Column(name, made, nullable=not words.endswith("!"))


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _whole(name: str, key: bool = False, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, schema.BIG, primary_key=key, nullable=nullable, autoincrement=False)


def _history() -> None:
    op.create_table(
        "changes",
        _whole("change", key=True),
        *(_text(name) for name in ("at", "who", "why", "context")),
        _whole("undoes", nullable=True),
        _whole("first_seq"),
        _whole("rows"),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "history",
        _whole("seq", key=True),
        sa.Column(
            "change",
            schema.BIG,
            sa.ForeignKey("changes.change", deferrable=True, initially="DEFERRED", name="history_change"),
            nullable=False,
        ),
        *(_text(name) for name in ("kind", "id", "uuid")),
        _whole("version"),
        *(_text(name) for name in ("action", "sensitivity", "recorded_at", "body")),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
    )
    op.create_index("history_record", "history", ["kind", "id", "version"], unique=True)
    op.create_table(
        "remembered",
        sa.Column("topic", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        *(_text(name) for name in ("value", "at", "who")),
    )
