"""Consent, erasure and encryption: what lies on disk about a person, and that it goes."""

import base64
import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from identity import Identity, ServingBundle, digest
from likeness.v1 import identity_service_pb2 as pb
from service.blobs import BlobStore, artifact_key, source_key
from service.decoding import clean, png
from service.encryption import DamagedError, KeyMissingError, LocalKeys, seal, unseal
from service.errors import DataLossError, UnavailableError
from service.sources import SourceImages
from tests.service.gateway import Gateway, scripted, violations
from tests.service.scripted_trainer import artifact

NAME, WHO, PURPOSE = "xylophone", "Ann Example", "her birthday card"
KEYS = [base64.b64encode(bytes([number] * 32)).decode() for number in (1, 2)]


def consent() -> pb.Consent:
    given = Timestamp(seconds=int(time.time()) - 3600)
    return pb.Consent(given_by=WHO, given_time=given, purpose=PURPOSE)


def places(gateway: Gateway, needle: bytes) -> list[str]:
    """Files of a gateway that hold some bytes: database, its log, blobs, jobs, log."""
    files = [path for path in gateway.home.rglob("*") if path.is_file()]
    return sorted(
        str(path.relative_to(gateway.home)) for path in files if needle in path.read_bytes()
    )


def marks(photo: bytes) -> dict[str, bytes]:
    """Bytes by which what is stored of a person is known."""
    tokens = artifact(0, "person", "sha256:" + "0" * 64, 5)
    return {
        "name": NAME.encode(),
        "who": WHO.encode(),
        "purpose": PURPOSE.encode(),
        "image": png(clean(photo))[60:90],
        "artifact": tokens[-64:-16],
    }


@pytest.mark.parametrize("plan", ["succeed", "stall", "refuse"])
async def test_a_deleted_identity_leaves_nothing_but_a_tombstone(
    start_gateway: Callable[..., Gateway], photo: bytes, plan: str
) -> None:
    gateway = start_gateway(**scripted(plan))
    name = f"identities/{NAME}"
    async with gateway.stubs() as stubs:
        operation = await stubs.train(photo, NAME, consent=consent(), preview_count=1)
        if plan == "stall":
            await stubs.until_step(operation, 1)
        else:
            await stubs.finished(operation)
        found = await stubs.identities.GetIdentity(pb.GetIdentityRequest(name=name))
        assert (found.consent.given_by, found.consent.recorded_by) == (WHO, "anyone")
        lie = {what: places(gateway, mark) for what, mark in marks(photo).items()}
        stored = {"name", "who", "purpose"}
        stored |= {"succeed": {"artifact"}, "stall": {"image"}, "refuse": set()}[plan]
        assert {what for what, where in lie.items() if where} == stored
        await stubs.identities.DeleteIdentity(pb.DeleteIdentityRequest(name=name))
        left = {what: places(gateway, mark) for what, mark in marks(photo).items()}
        assert not any(left.values()), left
        assert gateway.blobs() == gateway.work_dirs() == []
    with contextlib.closing(sqlite3.connect(gateway.home / "likeness.db")) as database:
        for table in ("identities", "operations", "consents"):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        ((uid, tenant, created, erased),) = database.execute("SELECT * FROM tombstones")
    assert (uid, tenant) == (found.identity.uid, "default")
    assert created < erased


async def test_consent_is_asked_for_if_the_settings_say_so(
    start_gateway: Callable[..., Gateway], photo: bytes
) -> None:
    gateway = start_gateway(PRIVACY__REQUIRE_CONSENT="true", **scripted("succeed"))
    async with gateway.stubs() as stubs:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.train(photo)
        assert violations(caught.value) == {"consent": "is required by this service"}
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.train(photo, consent=pb.Consent(purpose="x" * 300))
        assert set(violations(caught.value)) == {
            "consent.given_by",
            "consent.given_time",
            "consent.purpose",
        }
        tomorrow = consent()
        tomorrow.given_time.seconds += 86400
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.train(photo, consent=tomorrow)
        assert violations(caught.value) == {"consent.given_time": "must not be in the future"}
        await stubs.finished(await stubs.train(photo, consent=consent()))
    for told in (WHO, PURPOSE):
        assert told not in gateway.log.read_text()
        assert told not in gateway.metrics()


async def test_consent_to_an_import_is_asked_for_and_erased_likewise(
    start_gateway: Callable[..., Gateway], light_bundle: Path
) -> None:
    served = ServingBundle.load(light_bundle)
    tokens = np.zeros((5, 2, served.token_width), np.float32)
    learned = Identity(tokens, served.base_model_digest, "dog").to_bytes()
    request = pb.ImportIdentityRequest(identity_id=NAME, artifact=b"?")
    gateway = start_gateway(BUNDLE=str(light_bundle), PRIVACY__REQUIRE_CONSENT="true")
    async with gateway.stubs() as stubs:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.identities.ImportIdentity(request)
        assert set(violations(caught.value)) == {"consent", "artifact"}
        request.consent.purpose = "x" * 300
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.identities.ImportIdentity(request)
        fields = {"consent.given_by", "consent.given_time", "consent.purpose", "artifact"}
        assert set(violations(caught.value)) == fields
        request.artifact = learned
        request.consent.CopyFrom(consent())
        uid = (await stubs.identities.ImportIdentity(request)).identity.uid
        name = f"identities/{NAME}"
        found = await stubs.identities.GetIdentity(pb.GetIdentityRequest(name=name))
        assert (found.consent.given_by, found.consent.recorded_by) == (WHO, "anyone")
        assert found.consent.given_time == request.consent.given_time
        assert places(gateway, WHO.encode())
        await stubs.identities.DeleteIdentity(pb.DeleteIdentityRequest(name=name))
        for told in (WHO, PURPOSE, NAME):
            assert not places(gateway, told.encode())
    with contextlib.closing(sqlite3.connect(gateway.home / "likeness.db")) as database:
        audit = database.execute("SELECT action, outcome FROM audit WHERE identity_uid = ?", (uid,))
        assert audit.fetchall() == [("ImportIdentity", "OK"), ("DeleteIdentity", "OK")]


async def test_old_identities_are_erased_when_their_time_is_over(
    start_gateway: Callable[..., Gateway], photo: bytes
) -> None:
    gateway = start_gateway(**scripted("succeed;refuse"))
    async with gateway.stubs() as stubs:
        for seed, name in enumerate(("ready", "failed")):
            await stubs.finished(await stubs.train(photo, name, seed=seed))
    gateway.stop()
    gateway.settings["PRIVACY__RETENTION__FAILED_DAYS"] = "0.0000001"
    gateway.settings["PRIVACY__RETENTION__READY_DAYS"] = "1"
    gateway.start()
    async with gateway.stubs() as stubs:
        left = await stubs.identities.ListIdentities(pb.ListIdentitiesRequest())
        assert [identity.name for identity in left.identities] == ["identities/ready"]
    with contextlib.closing(sqlite3.connect(gateway.home / "likeness.db")) as database:
        told = database.execute("SELECT subject, outcome FROM audit WHERE action = 'Retention'")
        assert told.fetchall() == [("service", "OK")]


async def test_what_a_killed_writer_left_goes_with_its_blob_or_in_time(tmp_path: Path) -> None:
    def files() -> set[str]:
        return {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}

    blobs = BlobStore(tmp_path.as_uri())
    kept, cut_off = artifact_key("ann", 1), "sources/bob#1"
    for key in (kept, source_key("ann")):
        await blobs.put(key, b"whole")
    for part in ("sources/ann#1", "artifacts/ann/2#12", cut_off):
        (tmp_path / part).write_bytes(b"half an image")
    await blobs.erase_artifacts("ann", keep=kept)
    await blobs.erase_source("ann")
    assert files() == {kept, cut_off}
    await blobs.erase_parts(min_age=60)  # somebody may still write it
    assert files() == {kept, cut_off}
    os.utime(tmp_path / cut_off, (0, 0))
    await blobs.erase_parts(min_age=60)
    assert files() == {kept}


async def test_source_images_are_encrypted_with_the_first_key(
    start_gateway: Callable[..., Gateway], photo: bytes
) -> None:
    gateway = start_gateway(
        PRIVACY__ENCRYPTION_KEYS=f'["{KEYS[0]}", "{KEYS[1]}"]', **scripted("stall,succeed")
    )
    async with gateway.stubs() as stubs:
        operation = await stubs.train(photo)
        await stubs.until_step(operation, 1)
        (blob,) = gateway.blobs()
        assert blob.startswith("sources/")
        assert (gateway.home / "blobs" / blob).read_bytes().startswith(b"LIKE1")
    gateway.kill()
    gateway.settings["PRIVACY__ENCRYPTION_KEYS"] = f'["{KEYS[1]}", "{KEYS[0]}"]'
    gateway.start()  # with another first key the training goes on
    async with gateway.stubs() as stubs:
        assert (await stubs.finished(operation)).HasField("response")
    assert not any(blob.startswith("sources/") for blob in gateway.blobs())
    assert KEYS[0] not in gateway.log.read_text()


async def test_an_image_is_read_by_who_has_its_key_alone(tmp_path: Path) -> None:
    old, new = (base64.b64decode(key) for key in KEYS)
    blobs = BlobStore(tmp_path.as_uri())
    image = os.urandom(1000)

    def sources(*keys: bytes) -> SourceImages:
        return SourceImages(blobs, LocalKeys(keys), encrypted=bool(keys))

    await sources(old).put("a", image)
    await sources().put("plain", image)
    assert await sources(new, old).get("a", digest(image)) == image
    assert await sources(new).get("plain", digest(image)) == image  # from before there was a key
    for keys in ((), (new,)):
        with pytest.raises(UnavailableError) as caught:
            await sources(*keys).get("a", digest(image))
        assert caught.value.reason == "KEY_UNAVAILABLE"
    (tmp_path / "sources" / "a").rename(tmp_path / "sources" / "b")
    with pytest.raises(DataLossError, match="damaged"):
        await sources(old).get("b", digest(image))
    with pytest.raises(DataLossError, match="missing"):
        await sources(old).get("a", digest(image))


@given(st.binary(max_size=200), st.data())
async def test_no_change_of_what_is_sealed_goes_unnoticed(data: bytes, draw: st.DataObject) -> None:
    keys = LocalKeys([bytes(32)])
    sealed = bytearray(await seal(data, "a", keys))
    assert data not in sealed or len(data) < 8
    assert await unseal(bytes(sealed), "a", keys) == data
    at = draw.draw(st.integers(5, len(sealed) - 1))
    sealed[at] ^= draw.draw(st.integers(1, 255))
    with pytest.raises((DamagedError, KeyMissingError)):
        await unseal(bytes(sealed), "a", keys)
