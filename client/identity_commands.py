"""Commands about identities."""

from pathlib import Path
from typing import Annotated

import typer

from client.client import LikenessClient
from client.connection import DEFAULT_ADDRESS
from client.names import IDENTITIES, resource_name
from client.options import (
    Address,
    AsJson,
    ConsentBy,
    ConsentPurpose,
    ConsentTime,
    parse_consent,
)
from client.pictures import save_file
from client.run import output_of, runner_of


def identities(
    context: typer.Context, address: Address = DEFAULT_ADDRESS, as_json: AsJson = False
) -> None:
    """List the identities, newest first."""
    output = output_of(as_json)

    async def list_all(client: LikenessClient) -> None:
        output.identities([identity async for identity in client.list_identities()])

    runner_of(context, output, address).run(list_all)


def export(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The identity.")],
    to: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="A new file; NAME.safetensors if not given."),
    ] = None,
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Write what was learned to a file, for `import` elsewhere."""
    output, full_name = output_of(as_json), resource_name(IDENTITIES, name)
    path = to or Path(f"{full_name.rpartition('/')[2]}.safetensors")

    async def write(client: LikenessClient) -> None:
        identity, artifact = await client.export_identity(full_name)
        save_file(path, artifact)
        output.exported(identity, path)

    runner_of(context, output, address).run(write)


def import_(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="What `export` has written.")
    ],
    name: Annotated[str, typer.Option(help="Name of the identity; <NAME> in prompts.")],
    digest: Annotated[
        str, typer.Option(metavar="sha256:...", help="What `export` said; refuses another file.")
    ] = "",
    consent_by: ConsentBy = "",
    consent_purpose: ConsentPurpose = "",
    consent_time: ConsentTime = None,
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Make an identity of a file, on the same base model."""
    output = output_of(as_json)
    consent = parse_consent(consent_by, consent_purpose, consent_time)

    async def read(client: LikenessClient) -> None:
        identity = await client.import_identity(file, name, digest=digest, consent=consent)
        output.done("imported", identity.name)

    runner_of(context, output, address).run(read)


def delete(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The identity.")],
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Delete an identity with all that was learned; a training under way is cancelled."""
    output, full_name = output_of(as_json), resource_name(IDENTITIES, name)

    async def remove(client: LikenessClient) -> None:
        await client.delete_identity(full_name)
        output.done("deleted", full_name)

    runner_of(context, output, address).run(remove)
