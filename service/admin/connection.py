"""What every command begins with: the gateway's settings and its database."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from service.errors import UnavailableError
from service.settings import Settings, problems
from service.store import Database, SchemaError

T = TypeVar("T")


def settings() -> Settings:
    """The gateway's settings; ends the command if they are wrong."""
    try:
        return Settings()
    except (ValidationError, SettingsError) as error:
        for problem in problems(error):
            typer.echo(problem, err=True)
        raise typer.Exit(2) from None


def work(task: Callable[[Database], Awaitable[T]]) -> T:
    """Does something with the database, whose schema it brings up to date first."""

    async def migrated(database: Database) -> T:
        await database.migrate()
        return await task(database)

    return _connected(migrated, 1)


def look(task: Callable[[Database], Awaitable[T]]) -> T:
    """Looks at the database as it is; ends the command with 2 if that can't be done."""

    async def current(database: Database) -> T:
        found, wanted = await database.revisions()
        if found != wanted:
            schema = f"has the schema {found}" if found else "is empty"
            advice = "use likeness-admin migrate first, or the package that the schema belongs to"
            fail(f"the database {schema}, not {wanted}: {advice}", 2)
        return await task(database)

    return _connected(current, 2)


def _connected(task: Callable[[Database], Awaitable[T]], unavailable: int) -> T:
    async def connected(url: str) -> T:
        database = Database(url)
        try:
            return await task(database)
        finally:
            await database.close()

    try:
        return asyncio.run(connected(settings().database.url))
    except SchemaError as error:
        fail(str(error))
    except UnavailableError as error:
        fail(error.message, unavailable)


def fail(message: str, code: int = 1) -> NoReturn:
    """Ends the command."""
    typer.echo(message, err=True)
    raise typer.Exit(code)
