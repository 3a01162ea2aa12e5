"""`likeness-admin`. Exit codes: 0 done, 1 failed, 2 wrong usage or settings.

It takes the gateway's settings, and so works on the same database and blobs.
"""

import asyncio
import json
import logging
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Annotated

import structlog
import typer
from pydantic import TypeAdapter, ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.table import Table

from service.admin.checks import CHECKS
from service.admin.connection import fail, look, settings, work
from service.admin.doctor import Line, Verdict, examine
from service.admin.drain import drain
from service.admin.fsck import Fsck
from service.auth.api_keys import ApiKeys
from service.auth.settings import TenantName
from service.blobs import BlobStore
from service.settings import Settings, problems
from service.store import (
    DAY,
    SECOND,
    ApiKeyStore,
    AuditStore,
    Database,
    LeadershipStore,
    Limits,
    QuotaStore,
    TenantStore,
    Usage,
    now,
)
from service.tidying import ACCEPTANCE_SECONDS
from service.trainings import CANCELLED

app = typer.Typer(help="Look after a Likeness service.", no_args_is_help=True, add_completion=False)
keys = typer.Typer(help="API keys of callers.", no_args_is_help=True)
app.add_typer(keys, name="keys")

tenants = typer.Typer(help="What tenants have.", invoke_without_command=True)
app.add_typer(tenants, name="tenants")

quotas = typer.Typer(help="What tenants may use.", no_args_is_help=True)
app.add_typer(quotas, name="quotas")


def _tenant(name: str) -> str:
    try:
        return TypeAdapter(TenantName).validate_python(name)
    except ValidationError as error:
        raise typer.BadParameter(error.errors()[0]["msg"]) from error


Tenant = Annotated[str, typer.Argument(callback=_tenant, help="Whose it is.")]


@keys.command("create")
def create_key(
    tenant: Tenant,
    days: Annotated[int | None, typer.Option(min=1, help="After so many it expires.")] = None,
) -> None:
    """Make a key and print it; nobody can tell it again."""
    expires = None if days is None else now() + days * DAY
    typer.echo(work(lambda database: ApiKeys(ApiKeyStore(database)).create(tenant, expires)))


@keys.command("list")
def list_keys() -> None:
    """List all keys, without their secrets."""
    table = Table("Key", "Tenant", "Created", "Expires", "Revoked", box=None)
    for key in work(lambda database: ApiKeyStore(database).all()):
        times = (key.create_time, key.expire_time, key.revoke_time)
        table.add_row(key.key_id, key.tenant, *map(_moment, times))
    Console(width=120).print(table)


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="As keys list tells it.")],
) -> None:
    """End a key for good. It may work for five seconds more."""
    if not work(lambda database: ApiKeyStore(database).revoke(key_id)):
        fail(f"there is no key {key_id} that works")


@quotas.command("list")
def list_quotas() -> None:
    """List the limits of tenants that have some of their own; the settings' hold for all else."""
    names = [field.name for field in fields(Limits)]
    table = Table("Tenant", *names, box=None)
    for tenant, limits in work(lambda database: _store(database).own_limits()).items():
        values = asdict(limits).values()
        table.add_row(tenant, *map(_figure, values))
    Console(width=120).print(table)


@quotas.command("set")
def set_quotas(
    tenant: Tenant,
    requests_per_second: Annotated[float | None, typer.Option(min=0.001)] = None,
    generations: Annotated[int | None, typer.Option(min=0, help="At the same time.")] = None,
    identities: Annotated[int | None, typer.Option(min=0, help="Stored.")] = None,
    image_bytes: Annotated[int | None, typer.Option(min=0, help="Of trainings under way.")] = None,
) -> None:
    """Give a tenant these limits; for what is not given, the settings' hold. Takes up to 5 s."""
    limits = Limits(requests_per_second, generations, identities, image_bytes)
    work(lambda database: _store(database).set_limits(tenant, limits))


@tenants.callback()
def list_tenants(context: typer.Context) -> None:
    """List what tenants have; behind a stroke what they may have, if that is limited."""
    if context.invoked_subcommand is not None:
        return

    async def read(database: Database) -> tuple[dict[str, Usage], dict[str, Limits]]:
        return await TenantStore(database).usage(), await _store(database).own_limits()

    usage, limits = look(read)
    defaults = Limits(**settings().quotas.model_dump())
    columns = [field.name for field in fields(Usage)]
    further = [field.name for field in fields(Limits) if field.name not in columns]
    table = Table("Tenant", *columns, *further, box=None)
    for tenant in sorted(usage.keys() | limits.keys()):
        has = asdict(usage.get(tenant, Usage()))
        may = asdict(limits.get(tenant, Limits()).over(defaults))
        cells = [_of(has[name], may.get(name)) for name in columns]
        table.add_row(tenant, *cells, *(_figure(may[name]) for name in further))
    Console(width=140).print(table)


@tenants.command("erase")
def erase_tenant(
    tenant: Tenant,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase all identities of a tenant for good, and end its trainings.

    They are gone for callers at once; a running gateway erases them within 5 minutes, one that is
    started at once.
    """
    has = look(lambda database: TenantStore(database).usage()).get(tenant, Usage())
    trainings = has.queued + has.running
    question = f"Erase {has.identities} identities of {tenant}, and end {trainings} trainings?"
    if not yes:
        typer.confirm(question, abort=True)
    erased = look(lambda database: TenantStore(database).begin_erasure(tenant, CANCELLED))
    typer.echo(f"identities that are being erased: {erased}")


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema, as a gateway does when it starts."""
    found, _ = work(Database.revisions)
    typer.echo(f"the database has the schema {found}")


@app.command()
def fsck(
    mend: Annotated[bool, typer.Option("--mend", help="Set right what is found.")] = False,
    min_age: Annotated[
        float, typer.Option(min=0, help="Seconds; younger blobs are left alone.")
    ] = ACCEPTANCE_SECONDS,
) -> None:
    """Find rows and blobs that contradict each other, a line each; gateways may run meanwhile.

    Exit codes: 0 nothing is wrong, or all of it was mended; 1 something is; 2 it could not look.
    """

    async def examine(database: Database) -> int:
        found, place = 0, settings()
        fsck = Fsck(database, BlobStore(place.blobs.url), place.jobs, min_age)
        async for finding in fsck.findings():
            found += 1
            if mend:
                await finding.mend()
            typer.echo(f"{finding}; mended" if mend else finding)
        return found

    if look(examine) and not mend:
        raise typer.Exit(1)


@app.command("doctor")
def examine_deployment() -> None:
    """Check what the service stands on, from this machine: a line for each check.

    Exit codes: 0 all is well, warnings aside; 1 something is not.
    """

    async def told() -> bool:
        sound = True
        async for line in examine(CHECKS, found):
            typer.echo(line)
            sound = sound and line.verdict is not Verdict.FAIL
        return sound

    try:
        found = Settings()
    except (ValidationError, SettingsError) as error:
        for problem in problems(error):
            typer.echo(Line(Verdict.FAIL, "settings", problem))
        raise typer.Exit(1) from None
    typer.echo(Line(Verdict.OK, "settings", f"the gateway would listen on {found.listen}"))
    if not asyncio.run(told()):
        raise typer.Exit(1)


@app.command("drain")
def drain_trainings(
    end: Annotated[bool, typer.Option("--end", help="Let trainings start again.")] = False,
) -> None:
    """Start no further training, and wait until none runs; drawing is not touched.

    Exit codes: 0 none runs, or they start again; 1 somebody ended the drain meanwhile; 2 the
    database does not answer, or has another schema.
    """
    if end:
        look(lambda database: LeadershipStore(database).end_drain())
        typer.echo("trainings start again")
    elif not look(lambda database: drain(database, typer.echo)):
        fail("somebody has ended the drain")


@app.command("audit")
def show_audit(
    tenant: Annotated[str, typer.Option(help="Only this tenant's.")] = "",
    resource: Annotated[
        str, typer.Option(help="Only what concerns an identity or operation, by its uid.")
    ] = "",
    since: Annotated[datetime | None, typer.Option(help="Only from then on, in UTC.")] = None,
) -> None:
    """Print the audit log, a JSON object a line, oldest first."""
    first = 0 if since is None else round(since.replace(tzinfo=UTC).timestamp() * SECOND)

    async def show(database: Database) -> None:
        async for entry in AuditStore(database).read(tenant, resource, first):
            moment = datetime.fromtimestamp(entry.time / SECOND, UTC)
            typer.echo(json.dumps({**asdict(entry), "time": moment.isoformat()}))

    look(show)


def _store(database: Database) -> QuotaStore:
    return QuotaStore(database, Limits())


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}"


def _of(count: int, limit: int | None) -> str:
    return f"{count}" if limit is None else f"{count}/{limit}"


def _moment(microseconds: int | None) -> str:
    if microseconds is None:
        return ""
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).isoformat()


def main() -> None:
    """Entry point."""
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)  # what failed is told once
    structlog.configure(wrapper_class=quiet)
    app(prog_name="likeness-admin")
