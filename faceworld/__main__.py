"""The command line: train the checkpoint, render people, look at what the checkpoint draws."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from PIL import Image

from faceworld.identity import HELD_OUT_SEED
from faceworld.renderer import source_image
from faceworld.settings import Settings

_SCALE = 4  # pictures are enlarged to be looked at


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    size = (picture.width * _SCALE, picture.height * _SCALE)
    picture.resize(size, Image.Resampling.NEAREST).save(path)


def _train(arguments: argparse.Namespace) -> None:
    from faceworld.train import train_all

    torch.set_num_threads(arguments.threads)
    settings = Settings(
        work=arguments.work,
        output=arguments.output,
        start=arguments.start,
        snapshots=arguments.snapshots,
        time_limit=arguments.minutes * 60 if arguments.minutes else None,
        threads=arguments.threads,
    )
    train_all(settings)


def _render(arguments: argparse.Namespace) -> None:
    _save(Image.fromarray(source_image(arguments.seed)), arguments.out)


def _grid(arguments: argparse.Namespace) -> None:
    from faceworld.grid import draw_grid

    _save(Image.fromarray(draw_grid(arguments.checkpoint)), arguments.out)


def _measure(arguments: argparse.Namespace) -> None:
    from faceworld.measure import measure

    print(json.dumps(measure(arguments.checkpoint), indent=2))


def _parser() -> argparse.ArgumentParser:
    defaults = Settings()
    parser = argparse.ArgumentParser(prog="python -m faceworld", description=__doc__)
    commands = parser.add_subparsers(required=True)
    train = commands.add_parser("train", help="all phases in order, going on where it stopped")
    train.add_argument("--work", type=Path, default=defaults.work, help="data and states")
    train.add_argument("--output", type=Path, default=defaults.output, help="the checkpoint")
    train.add_argument("--from", dest="start", type=Path, help="go on from this checkpoint")
    train.add_argument("--snapshots", type=Path, help="a loadable checkpoint every ten minutes")
    train.add_argument("--minutes", type=float, help="at most this long for each phase")
    train.add_argument("--threads", type=int, default=defaults.threads)
    train.set_defaults(run=_train)
    render = commands.add_parser("render", help="the source image of a held-out person")
    render.add_argument("--seed", type=int, default=0, help=f"person {HELD_OUT_SEED} + seed")
    render.add_argument("--out", type=Path, required=True)
    render.set_defaults(run=_render)
    grid = commands.add_parser("grid", help="what the checkpoint draws, for people it knows")
    grid.add_argument("--checkpoint", type=Path, default=defaults.output)
    grid.add_argument("--out", type=Path, required=True)
    grid.set_defaults(run=_grid)
    measure = commands.add_parser("measure", help="how well the checkpoint draws, as JSON")
    measure.add_argument("--checkpoint", type=Path, default=defaults.output)
    measure.set_defaults(run=_measure)
    return parser


def main() -> None:
    """Runs one command."""
    arguments = _parser().parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
