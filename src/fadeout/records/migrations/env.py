"""What Alembic runs: the steps, over the connection that `records.migrating` gives.

Reads   the configuration's connection
Gives   a database at the revision asked for
Knows   nothing else
Start   at the end
"""

from __future__ import annotations

from alembic import context

config = getattr(context, "config", None)
if (
    config is not None
):  # Alembic runs this file; who only imports it, as a test of examples does, runs no step
    context.configure(connection=config.attributes["connection"], transactional_ddl=True)
    context.run_migrations()
