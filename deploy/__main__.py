"""``python -m deploy up | run | down | status``: the local stack."""

import subprocess
from pathlib import Path
from typing import Annotated

import typer

from deploy.stack import Stack, StackConfig, StackError

app = typer.Typer(add_completion=False, help="The local stack: Triton and the gateway.")

DEFAULT = StackConfig()
Home = Annotated[Path, typer.Option(help="Directory of everything the stack writes.")]
BaseModel = Annotated[
    str, typer.Option(help="diffusers directory or hub id.", envvar="LIKENESS_BASE_MODEL")
]


@app.command()
def up(home: Home = DEFAULT.home, base_model: BaseModel = DEFAULT.base_model) -> None:
    """Start what does not run and return when all is ready."""
    config = StackConfig(home=home, base_model=base_model)
    _start(Stack(config))
    typer.echo(
        f"Gateway on 127.0.0.1:{config.gateway_port}, "
        f"metrics on http://127.0.0.1:{config.metrics_port}/metrics, logs in {home}/logs"
    )


@app.command(context_settings={"ignore_unknown_options": True})
def run(
    command: list[str],
    home: Home = DEFAULT.home,
    base_model: BaseModel = DEFAULT.base_model,
) -> None:
    """Run a command with the stack up, and leave the stack as it was found."""
    stack = Stack(StackConfig(home=home, base_model=base_model))
    found = stack.running()
    try:
        _start(stack)
        status = subprocess.run(command, check=False).returncode
    finally:
        if not found:
            stack.down()
    raise typer.Exit(status)


@app.command()
def down(home: Home = DEFAULT.home) -> None:
    """Stop the stack. A training goes on from its last checkpoint at the next start."""
    Stack(StackConfig(home=home)).down()


@app.command()
def status(home: Home = DEFAULT.home) -> None:
    """Say which processes run."""
    typer.echo(" ".join(Stack(StackConfig(home=home)).running()) or "nothing runs")


def _start(stack: Stack) -> None:
    try:
        stack.up()
    except StackError as error:
        typer.echo(f"The stack is not up: {error}", err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
