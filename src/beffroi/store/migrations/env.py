"""What alembic runs: the steps, on the writer's own connection and inside its transaction, so that a crash leaves no half."""

from alembic import context

from beffroi.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
