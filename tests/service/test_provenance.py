"""Pictures are known as ours: by their pixels even in copies, by their file while it is whole."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import SecretStr
from skimage import data

from likeness.v1 import provenance_service_pb2 as pb
from likeness.v1 import provenance_service_pb2_grpc as pb_grpc
from service import watermark
from service.credentials import CertificateError, ContentCredentials
from service.images import ImageDecoder
from service.pictures import Making, encode_png
from service.provenance import Pixels, Provenance
from service.settings import ProvenanceSettings
from service.trial_certificate import write_trial_certificate
from tests.service.gateway import Gateway, violations

State = pb.ContentCredentials
KEY = b"a secret"
MAKING = Making(5, 20, 7.5, "ddim", "sha256:0")


@pytest.fixture(scope="module")
def pictures() -> list[Pixels]:
    """Photographs, drawings and textures of 512 pixels a side."""
    sources = [getattr(data, name)() for name in ("astronaut", "coffee", "rocket", "chelsea")]
    sources += [np.stack([getattr(data, name)()] * 3, -1) for name in ("brick", "grass", "page")]
    return [scaled(source[: min(source.shape[:2]), : min(source.shape[:2])]) for source in sources]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> ProvenanceSettings:
    chain, key, _ = write_trial_certificate(tmp_path_factory.mktemp("certificate"))
    return ProvenanceSettings(
        watermark_key=SecretStr(KEY.decode()), certificates=chain, private_key=key
    )


def scaled(pixels: Pixels, side: int = 512) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC))


def as_jpeg(pixels: Pixels, quality: int = 80) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=quality)
    return encoded.getvalue()


def pixels_of(encoded: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(encoded)))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
def test_a_png_shows_the_pixels_and_no_others(height: int, width: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    with Image.open(io.BytesIO(encode_png(pixels, MAKING))) as image:
        image.verify()
    with Image.open(io.BytesIO(encode_png(pixels, MAKING))) as image:
        assert (np.asarray(image) == pixels).all()
        assert image.text["Seed"] == "5"


def test_the_mark_is_not_seen_and_survives_copying(pictures: list[Pixels]) -> None:
    for picture in pictures:
        marked = watermark.mark(picture, KEY)
        change = marked.astype(float) - picture
        assert np.sqrt(np.mean(change**2)) < 3.1
        copies = [
            marked,
            pixels_of(as_jpeg(marked)),
            scaled(marked, 384),
            pixels_of(as_jpeg(scaled(marked, 384))),
            pixels_of(as_jpeg(scaled(marked, 1024))),
        ]
        assert min(watermark.score(copy, KEY) for copy in copies) > watermark.THRESHOLD
        assert watermark.score(marked, b"another secret") < watermark.THRESHOLD


def test_agreement_with_other_keys_is_chance(pictures: list[Pixels]) -> None:
    scores = [
        watermark.score(picture, f"{number}".encode())
        for number in range(60)
        for picture in (pictures[0], pictures[4], pictures[6])
    ]
    assert abs(np.mean(scores)) < 0.5
    assert 0.7 < np.std(scores) < 1.3  # so that the threshold means what it says
    assert max(scores) < watermark.THRESHOLD


def test_flat_pictures_and_odd_shapes_are_marked_too() -> None:
    for shape, color in (((256, 640, 3), 255), ((300, 257, 3), 0), ((256, 256, 3), 128)):
        flat = np.full(shape, color, np.uint8)
        assert watermark.score(watermark.mark(flat, KEY), KEY) > watermark.THRESHOLD
        assert abs(watermark.score(flat, KEY)) < watermark.THRESHOLD


async def test_a_picture_says_what_it_bears(
    pictures: list[Pixels], settings: ProvenanceSettings, decoder: ImageDecoder
) -> None:
    signing, bare = Provenance(settings), Provenance(ProvenanceSettings())
    large = signing.publish(pictures[0], MAKING)
    assert (large.watermarked, large.signed) == (True, True)
    small = signing.publish(scaled(pictures[0], 64), MAKING)
    assert (small.watermarked, small.signed) == (False, True)
    unsigned = bare.publish(scaled(pictures[0], 64), MAKING)
    assert (unsigned.watermarked, unsigned.signed) == (False, False)
    assert (pixels_of(small.png) == pixels_of(unsigned.png)).all()
    assert Image.open(io.BytesIO(large.png)).info["Seed"] == "5"
    found = await signing.credentials.read(small.png, decoder)
    assert (found.state, found.machine_made, found.ours) == (State.STATE_TRUSTED, True, True)
    assert (await bare.credentials.read(small.png, decoder)).state == State.STATE_VALID
    changed = small.png.replace(b"Base Model Digest", b"Base Model Digesd")
    assert (await signing.credentials.read(changed, decoder)).state == State.STATE_INVALID
    assert (await signing.credentials.read(unsigned.png, decoder)).state == State.STATE_ABSENT


async def test_credentials_that_kill_their_reader_are_invalid(
    settings: ProvenanceSettings,
    pictures: list[Pixels],
    decoder: ImageDecoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signing = Provenance(settings)
    png = signing.publish(scaled(pictures[0], 64), MAKING).png
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert (await signing.credentials.read(png, decoder)).state == State.STATE_INVALID


async def test_who_bears_our_name_without_our_authority_is_not_us(
    settings: ProvenanceSettings, pictures: list[Pixels], tmp_path: Path, decoder: ImageDecoder
) -> None:
    chain, key, anchor = write_trial_certificate(tmp_path)
    impostor = Provenance(ProvenanceSettings(certificates=chain, private_key=key))
    png = impostor.publish(scaled(pictures[0], 64), MAKING).png
    found = await ContentCredentials(settings).read(png, decoder)
    assert (found.state, found.ours) == (State.STATE_VALID, False)
    knowing = ContentCredentials(ProvenanceSettings(trust_anchors=anchor))
    found = await knowing.read(png, decoder)
    assert (found.state, found.issuer) == (State.STATE_TRUSTED, "Likeness trial")
    assert not found.ours


def test_a_certificate_that_cannot_sign_is_refused(
    settings: ProvenanceSettings, tmp_path: Path
) -> None:
    _, other, _ = write_trial_certificate(tmp_path)
    other.write_text("not a key")
    with pytest.raises(CertificateError, match="can't sign"):
        ContentCredentials(settings.model_copy(update={"private_key": other}))
    with pytest.raises(CertificateError, match="can't read the trust anchors"):
        ContentCredentials(ProvenanceSettings(trust_anchors=other))
    with pytest.raises(ValueError, match="certificates and private_key go together"):
        ProvenanceSettings(certificates=tmp_path)


async def test_a_gateway_verifies_pictures(
    start_gateway: Callable[..., Gateway], settings: ProvenanceSettings, pictures: list[Pixels]
) -> None:
    gateway = start_gateway(
        PROVENANCE__WATERMARK_KEY=KEY.decode(),
        PROVENANCE__CERTIFICATES=str(settings.certificates),
        PROVENANCE__PRIVATE_KEY=str(settings.private_key),
    )
    published = Provenance(settings).publish(pictures[0], MAKING).png
    async with gateway.stubs() as stubs:
        service = pb_grpc.ProvenanceServiceStub(stubs.channel)

        async def verified(image: bytes) -> pb.VerifyImageResponse:
            return await service.VerifyImage(pb.VerifyImageRequest(image=image))

        whole = await verified(published)
        assert whole.ours
        assert whole.watermark.detected
        assert whole.content_credentials.machine_made
        assert whole.content_credentials.state == State.STATE_TRUSTED
        copy = await verified(as_jpeg(scaled(pixels_of(published), 384)))
        assert copy.ours
        assert copy.watermark.detected
        assert copy.content_credentials.state == State.STATE_ABSENT
        foreign = await verified(as_jpeg(pictures[1]))
        assert not foreign.ours
        assert foreign.watermark.score < 5
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await verified(published[:5000])
        assert violations(caught.value) == {"image": "is damaged"}
    assert not gateway.blobs()
    assert KEY.decode() not in gateway.log.read_text()
