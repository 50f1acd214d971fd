"""The store's format and its versions: made and brought up to date by Alembic's migrations.

Reads   a database's revision
Gives   `revision_of`, `upgrade`
Knows   which revision is the newest, `HEAD`; the steps themselves stand in `migrations/versions`
Start   at `upgrade`

Revisions are numbers with leading zeros in the order of time, so that a newer store is known by comparing them.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

HEAD = "0005"
STEPS = Path(__file__).with_name("migrations")


def revision_of(engine: sa.Engine) -> str | None:
    """The revision of a store, None where there is none."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def upgrade(engine: sa.Engine, to: str = HEAD) -> None:
    """Take a database through all steps to a revision, in one transaction: whole or not at all."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(STEPS).replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, to)
