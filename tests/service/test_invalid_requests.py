"""Bad input: the right status, every violation at once, field and limit named; nothing is kept."""

import struct
import uuid
import zlib
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from PIL import Image

from likeness.v1 import generation_service_pb2 as generation_pb
from likeness.v1 import identity_service_pb2 as pb
from tests.service.gateway import Gateway, encode, violations


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and brings no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def webp_header(width: int, height: int) -> bytes:
    """An extended WebP that claims a canvas."""
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + canvas
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


PLAIN = encode(Image.new("RGB", (64, 64), "teal"))
BOUND = {"prompt": "<ann>", "identities": {"ann": "identities/ann"}}


def strength(*stages: float) -> generation_pb.IdentityStrength:
    return generation_pb.IdentityStrength(stages=stages)


def start(data: bytes, strength: float | None = None) -> generation_pb.InitImage:
    return generation_pb.InitImage(data=data, strength=strength)


BAD_IMAGES = {
    "none": (b"", "is empty (0 bytes)"),
    "text": (b"not an image", "is not a PNG, JPEG, WebP or HEIC image"),
    "gif": (encode(Image.new("P", (64, 64)), "GIF"), "is not a PNG, JPEG, WebP or HEIC image"),
    "small": (encode(Image.new("RGB", (3, 3))), "has 3x3 pixels, at least 32 are needed"),
    "narrow": (encode(Image.new("RGB", (500, 31))), "has 500x31 pixels, at least 32"),
    "ribbon": (encode(Image.new("RGB", (500, 50))), "one side may be 6 times the other at most"),
    "bomb": (png_header(10_000, 10_000), "has 10000x10000 pixels, the limit is 50000000"),
    "large bomb": (png_header(60_000, 60_000), "has too many pixels, the limit is 50000000"),
    "webp bomb": (webp_header(16_384, 16_384), "is "),
    "cut": (encode(Image.effect_noise((200, 200), 90))[:9000], "is damaged"),
    "cut jpeg": (encode(Image.effect_noise((200, 200), 90), "JPEG")[:3000], "is damaged"),
    "large": (PLAIN + bytes(16 * 2**20), "bytes, the limit is 16777216"),
}


@pytest.mark.parametrize("kind", BAD_IMAGES)
async def test_a_bad_image_is_refused(gateway: Gateway, kind: str) -> None:
    image, description = BAD_IMAGES[kind]
    async with gateway.stubs() as stubs:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.train(image, "bad")
        assert description in violations(caught.value)["image"]
        assert "image: " in str(caught.value.details())
        assert await stubs.serving()
    assert not any("bad" in name for name in gateway.blobs())


async def test_an_image_beyond_the_message_limit_is_refused(gateway: Gateway) -> None:
    async with gateway.stubs() as stubs:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.train(bytes(21 * 2**20))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await stubs.serving()


async def test_all_violations_of_a_training_come_at_once(gateway: Gateway) -> None:
    request = pb.TrainIdentityRequest(
        identity_id="Ann Smith",
        image=b"?",
        class_noun="two words",
        preset="best",
        seed=-1,
        request_id="1",
    )
    async with gateway.stubs() as stubs:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.identities.TrainIdentity(request)
    found = violations(caught.value)
    assert set(found) == {"identity_id", "image", "class_noun", "preset", "seed", "request_id"}
    assert found["preset"] == "must be in list [default, paper], got 'best'"
    assert "1 to 63" in found["identity_id"]
    assert "1 to 32 letters" in found["class_noun"]


async def test_a_noun_that_is_no_token_of_the_model_is_refused(gateway: Gateway) -> None:
    async with gateway.stubs() as stubs:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.train(PLAIN, class_noun="zyzzyva")
    assert "must be a word that is 1 token" in violations(caught.value)["class_noun"]


@pytest.mark.parametrize(
    ("fields", "field", "description"),
    [
        ({"prompt": ""}, "spec.prompt", "is empty"),
        ({"prompt": " \n"}, "spec.prompt", "is empty"),
        ({"prompt": "x" * 4097}, "spec.prompt", "must be at most 4096 characters, got 4097"),
        ({"prompt": "a " * 10_000}, "spec.prompt", "must be at most 4096 characters, got 20000"),
        ({"prompt": "a " * 100}, "spec.prompt", "has 100 tokens, but the text window holds 75"),
        ({"prompt": "<ann>"}, "spec.prompt", "placeholder <ann> is not bound"),
        (
            {"prompt": "a", "identities": {"ann": "identities/ann"}},
            "spec.identities[ann]",
            "<ann> does not occur in spec.prompt",
        ),
        (
            {"prompt": "<ann>", "identities": {"ann": "people/ann"}},
            "spec.identities[ann]",
            "must be identities/ID",
        ),
        (
            {"prompt": "<ann>", "identities": {"ann": "identities/"}},
            "spec.identities[ann]",
            "must be identities/ID",
        ),
        (
            {"prompt": "a", "identities": {"a b": "identities/ann"}},
            "spec.identities['a b']",
            "the key can't be a placeholder",
        ),
        ({"additional_prompts": [" "]}, "spec.additional_prompts[0]", "is empty"),
        (
            {"additional_prompts": ["<ann>"]},
            "spec.additional_prompts[0]",
            "placeholder <ann> is not bound",
        ),
        (
            {"additional_prompts": ["a", "b"], "image_count": 6},
            "spec.additional_prompts",
            "prompts times image_count must be at most 16, got 18",
        ),
        ({"negative_prompt": "<ann>"}, "spec.negative_prompt", "placeholders are not allowed"),
        ({"negative_prompt": "a " * 100}, "spec.negative_prompt", "the text window holds 75"),
        ({"image_count": 0}, "spec.image_count", "must be 1 to 16, got 0"),
        ({"image_count": 17}, "spec.image_count", "must be 1 to 16, got 17"),
        ({"steps": 0}, "spec.steps", "must be 1 to 150, got 0"),
        ({"steps": 100_000}, "spec.steps", "must be 1 to 150, got 100000"),
        ({"guidance_scale": float("nan")}, "spec.guidance_scale", "must be 1 to 30, got nan"),
        ({"guidance_scale": float("inf")}, "spec.guidance_scale", "must be 1 to 30, got inf"),
        ({"guidance_scale": 0.5}, "spec.guidance_scale", "must be 1 to 30, got 0.5"),
        ({"seed": -1}, "spec.seed", "must be greater than or equal to 0, got -1"),
        ({"seed": 2**63 - 1, "image_count": 2}, "spec.seed", "must be at most 2^63 - 1"),
        ({"scheduler": 99}, "spec.scheduler", "must be one of the defined enum values, got 99"),
        ({"priority": 9}, "spec.priority", "must be one of the defined enum values, got 9"),
        (
            {"priority": generation_pb.PRIORITY_HIGH},
            "spec.priority",
            "must be at most PRIORITY_NORMAL, got PRIORITY_HIGH",
        ),
        ({"width": 60}, "spec.width", "must be 32 to 128 in multiples of 8, got 60"),
        ({"height": 0}, "spec.height", "must be 32 to 128 in multiples of 8, got 0"),
        ({"height": 1 << 30}, "spec.height", "must be 32 to 128 in multiples of 8"),
        (
            {"strengths": {"ann": strength(1)}},
            "spec.strengths[ann]",
            "is not bound in spec.identities",
        ),
        (
            {**BOUND, "strengths": {"ann": strength(0.5, 0.5)}},
            "spec.strengths[ann].stages",
            "must be 1 number or 5, one for each stage, got 2",
        ),
        (
            {**BOUND, "strengths": {"ann": strength(float("nan"))}},
            "spec.strengths[ann].stages[0]",
            "must be 0 to 1, got nan",
        ),
        ({"init_image": start(b"")}, "spec.init_image.data", "is empty (0 bytes)"),
        (
            {"init_image": start(b"GIF89a")},
            "spec.init_image.data",
            "is not a PNG, JPEG, WebP or HEIC",
        ),
        ({"init_image": start(PLAIN, 0)}, "spec.init_image.strength", "must be 0.01 to 1, got 0"),
        (
            {"guidance_interval": generation_pb.TimestepInterval(first=100, last=900)},
            "spec.guidance_interval",
            "must be 1000 >= first >= last >= 0, got first 100, last 900",
        ),
    ],
)
async def test_a_bad_drawing_is_refused(
    gateway: Gateway, fields: dict[str, Any], field: str, description: str
) -> None:
    spec = generation_pb.GenerationSpec(**{"prompt": "a person", **fields})
    async with gateway.stubs() as stubs:
        for call in (
            stubs.generation.Generate(generation_pb.GenerateRequest(spec=spec)),
            anext(
                aiter(
                    stubs.generation.StreamGenerate(generation_pb.StreamGenerateRequest(spec=spec))
                )
            ),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            found = violations(caught.value)
            assert list(found) == [field]
            assert description in found[field]
            assert f"{field}: {found[field]}" == caught.value.details()


async def test_bad_previews_are_refused(gateway: Gateway) -> None:
    spec = generation_pb.GenerationSpec(prompt="a person")
    request = generation_pb.StreamGenerateRequest(spec=spec, preview_every=0)
    async with gateway.stubs() as stubs:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await anext(aiter(stubs.generation.StreamGenerate(request)))
    assert violations(caught.value) == {"preview_every": "must be 1 to 150, got 0"}


async def test_very_many_violations_still_make_an_answer(gateway: Gateway) -> None:
    wrong = {f"{'é' * 500}{i}": "é" * 500 for i in range(500)}
    spec = generation_pb.GenerationSpec(prompt="<ö>" * 9, identities=wrong, steps=0)
    async with gateway.stubs() as stubs:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.generation.Generate(generation_pb.GenerateRequest(spec=spec))
    assert len(violations(caught.value)) >= 1
    assert "more" in str(caught.value.details())


@pytest.mark.parametrize(
    ("service", "method", "request_message", "field"),
    [
        ("identities", "GetIdentity", pb.GetIdentityRequest(name="ann"), "name"),
        ("identities", "DeleteIdentity", pb.DeleteIdentityRequest(name="identities/Ä"), "name"),
        ("identities", "ListIdentities", pb.ListIdentitiesRequest(page_size=-1), "page_size"),
        ("identities", "ListIdentities", pb.ListIdentitiesRequest(page_token="é"), "page_token"),
        ("operations", "GetOperation", operations_pb2.GetOperationRequest(name="7"), "name"),
        (
            "operations",
            "ListOperations",
            operations_pb2.ListOperationsRequest(filter="a"),
            "filter",
        ),
    ],
)
async def test_a_bad_name_or_page_is_refused(
    gateway: Gateway, service: str, method: str, request_message: Any, field: str
) -> None:
    async with gateway.stubs() as stubs:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await getattr(getattr(stubs, service), method)(request_message)
    assert list(violations(caught.value)) == [field]


@pytest.mark.parametrize(
    ("change", "field", "description"),
    [
        ({"given_time": Timestamp(nanos=-1)}, "given_time", "0 to 999999999 nanoseconds"),
        ({"given_time": Timestamp(nanos=10**9)}, "given_time", "0 to 999999999 nanoseconds"),
        ({"given_time": Timestamp(seconds=-(10**15))}, "given_time", "in the years 1 to 9999"),
        ({"given_by": "Ann\0"}, "given_by", "must not contain the character NUL"),
        ({"purpose": "\0"}, "purpose", "must not contain the character NUL"),
    ],
)
async def test_a_consent_that_can_not_be_kept_is_refused(
    gateway: Gateway, change: dict[str, Any], field: str, description: str
) -> None:
    told = {"given_by": "Ann", "given_time": Timestamp(), "purpose": "a card", **change}
    async with gateway.stubs() as stubs:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.train(PLAIN, consent=pb.Consent(**told))
    found = violations(caught.value)
    assert list(found) == [f"consent.{field}"]
    assert description in found[f"consent.{field}"]


@pytest.mark.parametrize(
    "length",
    [
        Duration(seconds=315_576_000_001),
        Duration(seconds=-(10**15)),
        Duration(nanos=10**9),
        Duration(seconds=1, nanos=-1),
    ],
)
async def test_a_wait_of_no_length_is_refused(gateway: Gateway, length: Duration) -> None:
    name = f"operations/{uuid.uuid4()}"
    request = operations_pb2.WaitOperationRequest(name=name, timeout=length)
    async with gateway.stubs() as stubs:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.operations.WaitOperation(request)
    assert "must be -315576000000 to 315576000000 s" in violations(caught.value)["timeout"]


async def test_what_does_not_exist_is_not_found(gateway: Gateway) -> None:
    nowhere = f"operations/{uuid.uuid4()}"
    async with gateway.stubs() as stubs:
        for call in (
            stubs.identities.GetIdentity(pb.GetIdentityRequest(name="identities/nobody")),
            stubs.identities.DeleteIdentity(pb.DeleteIdentityRequest(name="identities/nobody")),
            stubs.operations.GetOperation(operations_pb2.GetOperationRequest(name=nowhere)),
            stubs.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=nowhere)),
            stubs.operations.DeleteOperation(operations_pb2.DeleteOperationRequest(name=nowhere)),
            stubs.operations.WaitOperation(operations_pb2.WaitOperationRequest(name=nowhere)),
            anext(stubs.watch(nowhere)),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
