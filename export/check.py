"""``python -m export.check``: do a bundle's GPU engines fit this machine? Asked before serving."""

from pathlib import Path
from typing import Annotated

import typer

from export.manifest import PLAN, EngineManifest, EngineMismatchError
from export.supported import ExportError
from export.target import Target
from export.tensorrt_library import gpu_capability, installed_version
from identity import BundleError, ServingBundle


def check_engines(bundle: Path, version: str, capability: str | None) -> int:
    """How many engines there are.

    Args:
        bundle: the serving bundle.
        version: of the library that is to run them.
        capability: compute capability of the GPU, such as ``8.9``; None: there is none.

    Raises:
        BundleError: there is no bundle.
        EngineMismatchError: an engine is for something else; the message names both sides.
    """
    description = ServingBundle.load(bundle)
    engines = sorted((bundle / "models").glob(f"*/1/*{PLAN}"))
    for engine in engines:
        EngineManifest.load(engine).check(
            description.engine, version, capability or "none", description.base_model_digest
        )
    return len(engines)


def main(bundle: Annotated[Path, typer.Argument(help="The serving bundle.")]) -> None:
    """Check that a bundle's engines are for this machine's GPU and library."""
    try:
        target = Target(ServingBundle.load(bundle).engine)
        version = installed_version(target) if target.on_gpu else ""
        count = check_engines(bundle, version, gpu_capability())
    except (BundleError, EngineMismatchError, ExportError) as error:
        typer.echo(f"check: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{count} engines fit")


if __name__ == "__main__":
    typer.run(main)
