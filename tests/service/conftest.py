"""Gateways with the parts that a test needs: none, a bundle, a trainer."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from identity import ServingBundle
from tests.service.gateway import Gateway, running

HERE = Path(__file__).parent


def encode(image: Image.Image, kind: str = "PNG") -> bytes:
    encoded = io.BytesIO()
    image.save(encoded, kind)
    return encoded.getvalue()


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A picture that is not of one colour."""
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    return encode(Image.fromarray(pixels).resize((96, 80), Image.Resampling.BICUBIC))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.support.random_checkpoint import write_random_checkpoint

    return write_random_checkpoint(tmp_path_factory.mktemp("base") / "checkpoint")


@pytest.fixture(scope="session")
def bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The part of a serving bundle that the gateway reads."""
    from basemodel import load

    directory = tmp_path_factory.mktemp("bundle")
    base = load(checkpoint)
    tokens = base.special_tokens
    channels, latent_height, latent_width = base.latent_shape
    (directory / "tokenizer.json").write_text(base.tokenizer_json)
    ServingBundle(
        base_model_digest=base.digest,
        engine="none",
        stages=5,
        text_window=base.text_window,
        token_width=base.token_width,
        latent_channels=channels,
        latent_height=latent_height,
        latent_width=latent_width,
        image_height=base.image_size[0],
        image_width=base.image_size[1],
        scaling_factor=base.scaling_factor,
        max_rows=32,
        begin_token=tokens.begin,
        end_token=tokens.end,
        padding_token=tokens.padding,
    ).save(directory)
    return directory


def scripted(*plan: str) -> dict[str, str]:
    """Settings for a trainer that does as told, one word for each of its attempts."""
    command = [sys.executable, str(HERE / "scripted_trainer.py"), "--plan", ",".join(plan)]
    return {"JOBS__TRAINER": json.dumps(command)}


@pytest.fixture
def start_gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Starts gateways of the test's own."""
    started: list[Iterator[Gateway]] = []

    def start(**settings: str) -> Gateway:
        home = tmp_path / f"gateway-{len(started)}"
        home.mkdir()
        gateway = running(Gateway(home, settings))
        started.append(gateway)
        return next(gateway)

    yield start
    for gateway in started:
        next(gateway, None)


@pytest.fixture(scope="module")
def gateway(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A module's gateway: a bundle, no Triton, and a trainer that succeeds at once."""
    home = tmp_path_factory.mktemp("gateway")
    yield from running(Gateway(home, {"BUNDLE": str(bundle), **scripted("succeed")}))
