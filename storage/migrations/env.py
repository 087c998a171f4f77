"""Alembic runs this file for each command, with the connection that `storage.migrations.configuration` was given."""

from alembic import context
from sqlmodel import SQLModel

from storage import migrations, records

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    version_table=migrations.VERSION_TABLE,
    render_item=migrations.render_item,
    include_object=migrations.include_object,
    include_schemas=False,
    compare_type=True,
    render_as_batch=True,  # SQLite changes a constraint only by rebuilding the table
)
with context.begin_transaction():
    context.run_migrations()

__all__ = ["records"]  # imported for its tables
