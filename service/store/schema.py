"""The schema's versions: Alembic's steps forward, and what a package does with a newer schema.

A rollback starts a package on a schema that has steps of which the package knows nothing. It works
with it if these have only added what it can leave alone: tables, and columns that fill themselves.
"""

from collections.abc import Iterator
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, inspect, select

from service.store.tables import metadata

log = structlog.get_logger()

MIGRATION_LOCK = 0x6C696B656E657373
"""PostgreSQL's advisory lock under which gateways that start together migrate one by one."""


class SchemaError(Exception):
    """The schema is a newer one, with which this package can't work."""


def migrate(connection: Connection) -> None:
    """Brings the schema to this package's version; leaves one alone that is newer.

    Raises:
        SchemaError: see there.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
    found, known = revision(connection), ScriptDirectory.from_config(_config())
    if found and found not in {script.revision for script in known.walk_revisions()}:
        if obstacles := sorted(_obstacles(connection)):
            raise SchemaError(f"the schema {found} is newer than this package: {obstacles[0]}")
        log.warning("schema_is_newer", schema=found, package=known.get_current_head())
        return
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def revision(connection: Connection) -> str:
    """The schema's version; empty if there is none."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def head() -> str:
    """This package's version."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _obstacles(connection: Connection) -> Iterator[str]:
    """What keeps this package from working with the tables that are there."""
    inspector = inspect(connection)
    names = inspector.get_table_names()
    for table in metadata.tables.values():
        if table.name not in names:
            yield f"it has no table {table.name}"
            continue
        columns = {each["name"]: each for each in inspector.get_columns(table.name)}
        for name in table.columns.keys() - columns.keys():
            yield f"{table.name} has no column {name}"
        for name in columns.keys() - table.columns.keys():
            if not columns[name]["nullable"] and columns[name]["default"] is None:
                yield f"{table.name}.{name} must be filled in"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
