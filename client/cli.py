"""The `likeness` command. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from client import identity_commands, picture_commands, training_commands
from client.access import API_KEY, CERTIFICATE, KEY, ROOTS, TOKEN_FILE, Access
from telemetry.tracing import TracingError, span, start_tracing

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(training_commands.train)
app.command()(training_commands.watch)
app.command()(picture_commands.generate)
app.command()(picture_commands.verify)
app.command()(identity_commands.identities)
app.command()(identity_commands.export)
app.command("import")(identity_commands.import_)
app.command()(identity_commands.delete)
app.command()(training_commands.operations)
app.command()(training_commands.cancel)


@app.callback()
def reach(
    context: typer.Context,
    roots: Annotated[
        Path | None,
        typer.Option(
            envvar=ROOTS,
            exists=True,
            dir_okay=False,
            help="PEM file of the authorities to check the service's certificate against.",
        ),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(envvar=CERTIFICATE, exists=True, dir_okay=False, help="Own PEM certificate."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(envvar=KEY, exists=True, dir_okay=False, help="Its private key."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(envvar=TOKEN_FILE, exists=True, dir_okay=False, help="Holds a token (JWT)."),
    ] = None,
) -> None:
    """Learn a likeness from one image and draw it anywhere.

    TLS is spoken to every address but a loopback one. An API key goes into LIKENESS_API_KEY.
    """
    try:
        api_key = os.environ.get(API_KEY, "")
        context.obj = Access(roots, certificate, key, api_key, token_file)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def main() -> None:
    """Entry point."""
    try:
        end_tracing = start_tracing("likeness-client")
    except TracingError as error:
        sys.exit(str(error))
    try:
        with span("likeness"):
            app(prog_name="likeness")
    finally:
        end_tracing()
