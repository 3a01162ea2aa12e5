"""Client and command against the real gateway."""

import uuid

import grpc
import pytest

from client import LikenessClient, LikenessError
from tests.client.command import interrupt, run, start
from tests.client.stand_in import png


@pytest.mark.parametrize(
    ("image", "lesson", "told"),
    [
        (b"", {}, ["image: is empty"]),
        (b"no picture", {}, ["image: is not a PNG, JPEG, WebP or HEIC image"]),
        (png("red", 3), {}, ["image: has 3x3 pixels, at least 32"]),
        (bytes(2**24 + 1), {}, ["image: has 16777217 bytes, the limit is 16777216"]),
        (
            png("red"),
            {"preset": "x", "class_noun": "two words", "seed": -1, "request_id": "1"},
            [
                "preset: must be in list [default, paper]",
                "class_noun:",
                "seed: must be gr",
                "request_id:",
            ],
        ),
    ],
)
async def test_what_can_not_be_learned_is_told(
    client: LikenessClient, image: bytes, lesson: dict[str, object], told: list[str]
) -> None:
    with pytest.raises(LikenessError) as caught:
        await client.start_training(image, **lesson)  # type: ignore[arg-type]
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert len(caught.value.violations) == len(told)
    assert all(each in str(caught.value) for each in told)


@pytest.mark.parametrize(
    ("prompt", "identities", "drawing", "told"),
    [
        ("  ", {}, {}, ["spec.prompt: is empty"]),
        ("word " * 10_000, {}, {}, ["spec.prompt: must be at most 4096 characters, got 50000"]),
        ("<ann>", {}, {}, ["placeholder <ann> is not bound in spec.identities"]),
        ("a cup", {"ann": "ann"}, {}, ["<ann> does not occur in spec.prompt"]),
        ("a cup", {}, {"steps": 0}, ["spec.steps: must be 1 to 150, got 0"]),
        (
            "a cup",
            {},
            {"steps": 100_000, "image_count": 17, "guidance_scale": float("nan"), "seed": -1},
            ["spec.steps: must", "spec.image_count: must", "spec.guidance_scale: must", "got -1"],
        ),
    ],
)
async def test_what_can_not_be_drawn_is_told(
    client: LikenessClient,
    prompt: str,
    identities: dict[str, str],
    drawing: dict[str, object],
    told: list[str],
) -> None:
    with pytest.raises(LikenessError) as unary:
        await client.generate(prompt, identities, **drawing)  # type: ignore[arg-type]
    with pytest.raises(LikenessError) as stream:
        await anext(client.stream_generate(prompt, identities, **drawing))  # type: ignore[arg-type]
    assert str(unary.value) == str(stream.value)
    assert unary.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert all(each in str(unary.value) for each in told)


async def test_what_does_not_exist_is_named(client: LikenessClient) -> None:
    operation = f"operations/{uuid.uuid4()}"
    calls = [
        (client.get_identity("nobody"), "identities/nobody"),
        (client.delete_identity("identities/nobody"), "identities/nobody"),
        (client.get_operation(operation), operation),
        (client.wait_operation(operation), operation),
        (client.cancel_operation(operation), operation),
        (client.delete_operation(operation), operation),
        (anext(client.watch(operation)), operation),
    ]
    for call, name in calls:
        with pytest.raises(LikenessError, match=f"{name} does not exist") as caught:
            await call
        assert caught.value.code is grpc.StatusCode.NOT_FOUND


async def test_an_operation_from_request_to_end(client: LikenessClient) -> None:
    request_id = str(uuid.uuid4())
    training = await client.start_training(png("red"), "olga", request_id=request_id)
    again = await client.start_training(png("red"), "olga", request_id=request_id)
    assert again.name == training.name
    assert not training.done
    assert training.metadata.identity == "identities/olga"
    with pytest.raises(LikenessError, match="already exists"):
        await client.start_training(png("red"), "olga")

    await client.cancel_operation(training.name)
    ended = await client.wait_operation(training.name)
    assert ended.done
    assert ended.identity is None
    assert ended.error is not None
    assert ended.error.code is grpc.StatusCode.CANCELLED
    assert (await client.get_operation(training.name)).done
    await client.delete_operation(training.name)
    assert training.name not in [each.name async for each in client.list_operations()]
    assert (await client.get_identity("olga")).error.code == grpc.StatusCode.CANCELLED.value[0]
    await client.delete_identity("olga")


async def test_lists_have_all_pages_newest_first(client: LikenessClient) -> None:
    names = [f"page-{number}" for number in range(52)]  # more than a page
    for name in names:
        await client.start_training(png("red"), name)
    identities = [identity.name async for identity in client.list_identities()]
    trainings = [training.metadata.identity async for training in client.list_operations()]
    newest_first = [f"identities/{name}" for name in reversed(names)]
    assert identities[: len(names)] == trainings[: len(names)] == newest_first
    for name in reversed(names):  # the oldest one is being trained: no other training starts
        await client.delete_identity(name)
    assert [identity async for identity in client.list_identities()] == []


async def test_the_command_from_training_to_deletion(gateway: str, source: str) -> None:
    process = await start(gateway, "train", source, "--name", "ben", "--json")
    assert process.stdout is not None
    await process.stdout.readline()
    assert (await interrupt(process)).code == 130

    (training,) = (await run(gateway, "operations", "--json")).lines
    assert training["identity"] == "identities/ben"
    assert training["state"] in ("QUEUED", "RUNNING")
    operation = training["operation"].removeprefix("operations/")

    cancelled = await run(gateway, "cancel", operation)
    assert (cancelled.code, cancelled.stdout) == (0, f"operations/{operation} cancelled\n")
    watched = await run(gateway, "watch", operation, "--json")
    assert watched.code == 1
    assert [(line["event"], line["code"]) for line in watched.lines] == [("error", "CANCELLED")]

    listed = await run(gateway, "identities")
    assert [line.split()[:2] for line in listed.stdout.splitlines()[1:]] == [["ben", "failed"]]
    deleted = await run(gateway, "delete", "ben", "--json")
    assert deleted.lines == [{"event": "deleted", "name": "identities/ben"}]
    assert not (await run(gateway, "identities", "--json")).lines


async def test_the_command_tells_that_nothing_can_be_drawn_yet(gateway: str) -> None:
    finished = await run(gateway, "generate", "a photo of a person", "--out", "nowhere")
    assert finished.code == 1
    assert "(UNAVAILABLE)\n  Try again in" in finished.stderr
    assert "make up" not in finished.stderr
