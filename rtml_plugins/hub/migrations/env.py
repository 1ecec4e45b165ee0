"""alembic runs this; the connection, with its transaction and lock, comes from rtml_plugins.hub.schema."""

from alembic import context

from rtml_plugins.hub.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
