"""The client and its command before gateways that learn and draw."""

import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import grpc
import pytest
from PIL import Image
from skimage import data

from client import LikenessClient, LikenessError
from likeness.v1 import identity_service_pb2 as pb
from service.pictures import Making
from service.provenance import Provenance
from service.settings import ProvenanceSettings
from tests.client.command import run
from tests.service.gateway import Gateway, scripted


async def test_an_identity_is_learned_taken_elsewhere_and_drawn(
    studio: Gateway, photo: bytes, tmp_path: Path
) -> None:
    async with LikenessClient(studio.address) as client:
        *_, learned = [update async for update in client.train(photo, "olga")]
        assert learned.identity is not None
        with pytest.raises(LikenessError, match="artifact") as refused:
            await client.import_identity(b"anything", "nina")
        assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT
    file = tmp_path / "olga.safetensors"
    exported = await run(studio.address, "export", "olga", "--to", str(file), "--json")
    digest = learned.identity.artifact_digest
    assert [line["identity"]["artifact_digest"] for line in exported.lines] == [digest]
    import_ = ("import", str(file), "--name", "nina", "--digest")
    refused = await run(studio.address, *import_, "sha256:" + "0" * 64)
    assert (refused.code, "artifact_digest" in refused.stderr) == (1, True)
    taken = await run(studio.address, *import_, digest)
    assert (taken.code, taken.stdout) == (0, "identities/nina imported\n")

    prompts = ("a photo of <olga>", "<nina> as <olga>")
    options = ("--images", "2", "--steps", "2", "--seed", "5", "--out", str(tmp_path), "--json")
    drawn = await run(studio.address, "generate", *prompts, *options)
    pictures = [line for line in drawn.lines if line["event"] == "picture"]
    assert sorted((each["index"], each["prompt_index"], each["seed"]) for each in pictures) == [
        (0, 0, 5),
        (1, 0, 6),
        (2, 1, 5),
        (3, 1, 6),
    ]
    for each in pictures:
        with Image.open(each["path"]) as picture:
            assert picture.size == (each["width"], each["height"])
            picture.load()
    verified = await run(studio.address, "verify", pictures[0]["path"], "--json")
    assert [line["ours"] for line in verified.lines] == [False]  # too small for a mark


def test_the_example_in_python_runs_as_it_is_printed(
    studio: Gateway, photo: bytes, tmp_path: Path
) -> None:
    (tmp_path / "photo.png").write_bytes(photo)
    page = Path("docs/client.md").read_text()
    (example,) = re.findall(r"^```python\n(import asyncio\n.*?)^```", page, re.M | re.S)
    example = example.replace("127.0.0.1:50051", studio.address)
    printed = subprocess.check_output([sys.executable, "-c", example], cwd=tmp_path, text=True)
    assert printed.splitlines()[-1] == "4 of 4"
    with Image.open(tmp_path / "cup.png") as picture:
        picture.load()


async def test_a_picture_of_the_service_is_known(studio: Gateway, tmp_path: Path) -> None:
    making = Making(5, 20, 7.5, "ddim", "sha256:0")
    file = tmp_path / "picture.png"
    file.write_bytes(Provenance(ProvenanceSettings()).publish(data.astronaut(), making).png)
    verified = await run(studio.address, "verify", str(file))
    first, second, third = verified.stdout.splitlines()
    assert first == "drawn by this service"
    assert second.startswith("watermark: found")
    assert third == "Content Credentials: absent"


async def test_a_training_is_watched_past_the_gateways_death(
    start_gateway: Callable[..., Gateway], photo: bytes
) -> None:
    gateway = start_gateway(**scripted("stall", "succeed"))
    async with LikenessClient(gateway.address) as client:
        training = await client.start_training(photo, "ann")
        updates, told = client.watch(training.name), []
        async for update in updates:
            told.append(update.metadata)
            if update.metadata.step:
                break
        gateway.kill()
        gateway.start()
        async for update in updates:
            told.append(update.metadata)
    assert update.identity is not None
    assert update.identity.state == pb.Identity.STATE_READY
    assert told[-1].attempt == 2
    assert [before for before, after in pairwise(told) if before == after] == []
