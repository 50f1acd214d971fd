"""What Alembic runs: the steps, over the connection that `records.migrating` gives.

Reads   the configuration's connection
Gives   a database at the revision asked for
Knows   nothing else
Start   at the end
"""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
