"""Identities as files, and pictures of which somebody asks whose they are."""

from pathlib import Path

import grpc
import pytest

from client import LikenessClient, LikenessError
from tests.client.command import run
from tests.client.stand_in import StandIn, digest, png, serving


async def test_an_identity_travels_as_a_file(tmp_path: Path) -> None:
    service, file = StandIn(), tmp_path / "new" / "ann.safetensors"
    async with serving(service) as address:
        out = await run(address, "export", "ann", "--to", str(file), "--json")
        assert file.read_bytes() == b"learned"
        (told,) = out.lines
        assert (told["event"], told["path"]) == ("exported", str(file))
        known = told["identity"]["artifact_digest"]
        again = await run(address, "export", "identities/ann", "--to", str(file))
        assert (again.code, "File exists" in again.stderr) == (1, True)
        taken = await run(address, "import", str(file), "--name", "bob", "--digest", known)
    assert (taken.code, taken.stdout) == (0, "identities/bob imported\n")
    (request,) = service.requests
    assert not request.HasField("consent")
    assert (request.artifact, request.artifact_digest) == (b"learned", digest(b"learned"))
    assert [path.name for path in file.parent.iterdir()] == [file.name]


async def test_an_artifact_that_arrives_damaged_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "ann.safetensors"
    async with serving(StandIn(artifact=b"damaged")) as address:
        out = await run(address, "export", "ann", "--to", str(file), "--json")
        async with LikenessClient(address) as client:
            with pytest.raises(LikenessError, match="identities/ann has arrived damaged") as error:
                await client.export_identity("ann")
    assert error.value.code is grpc.StatusCode.DATA_LOSS
    assert (out.code, out.lines[0]["code"]) == (1, "DATA_LOSS")
    assert not file.exists()


async def test_what_is_imported_is_named_by_its_digest_and_not_too_large() -> None:
    service = StandIn()
    async with serving(service) as address, LikenessClient(address) as client:
        await client.import_identity(b"anything", "cid")
        with pytest.raises(LikenessError, match="artifact: has 1048577 bytes"):
            await client.import_identity(bytes(2**20 + 1), "cid")
    assert [each.artifact_digest for each in service.requests] == [digest(b"anything")]


async def test_a_picture_is_verified(tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(png("teal"))
    async with serving(service := StandIn()) as address:
        people = await run(address, "verify", str(picture))
        programs = await run(address, "verify", str(picture), "--json")
    assert people.stdout.splitlines() == [
        "drawn by this service",
        "watermark: found, score 12.5",
        "Content Credentials: trusted, signed by Likeness, machine-made",
    ]
    assert programs.lines == [
        {
            "event": "verified",
            "ours": True,
            "watermark": {"detected": True, "score": 12.5},
            "content_credentials": {
                "state": "TRUSTED",
                "issuer": "Likeness",
                "machine_made": True,
            },
        }
    ]
    assert [each.image for each in service.requests] == [png("teal")] * 2
