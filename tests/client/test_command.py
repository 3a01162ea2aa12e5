"""The `likeness` command as a process: what it prints, writes and returns."""

import asyncio
from pathlib import Path

import pytest

from likeness.v1 import generation_service_pb2 as pb
from tests.client.command import interrupt, run, start
from tests.client.stand_in import OPERATION, StandIn, png, serving


def _pictures(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.glob("**/*.png")}


async def test_train_tells_people_the_result(source: str, tmp_path: Path) -> None:
    service = StandIn()
    service.goes_on.set()
    arguments = ("--name", "ann", "--class-noun", "dog", "--previews-to", str(tmp_path))
    async with serving(service) as address:
        finished = await run(address, "train", source, *arguments)
    assert finished.code == 0
    assert finished.stdout.startswith("identities/ann is ready")
    assert OPERATION in finished.stderr
    request = service.requests[0]
    assert (request.class_noun, request.image) == ("dog", png("coral"))
    assert request.preview_count == 3
    assert (tmp_path / "ann-step5.png").read_bytes() == png("teal")


async def test_train_tells_programs_each_event(source: str, tmp_path: Path) -> None:
    service = StandIn()
    service.goes_on.set()
    arguments = ("--name", "ann", "--json", "--previews-to", str(tmp_path), "--timeout", "90")
    async with serving(service) as address:
        finished = await run(address, "train", source, *arguments)
    assert [line["event"] for line in finished.lines] == [
        *("started", "progress", "progress", "progress", "preview", "progress", "finished")
    ]
    assert service.requests[0].timeout.seconds == 90
    assert finished.lines[0]["operation"] == OPERATION
    assert finished.lines[3]["step"] == 5
    assert finished.lines[3]["loss"] == 0.25
    assert finished.lines[-1]["identity"]["name"] == "identities/ann"
    assert not finished.stderr


async def test_ctrl_c_leaves_the_training_running(source: str) -> None:
    async with serving(StandIn()) as address:
        process = await start(address, "train", source, "--name", "ann", "--json")
        assert process.stdout is not None
        while b'"step"' not in await process.stdout.readline():
            pass
        finished = await interrupt(process)
    assert finished.code == 130
    assert finished.lines == [{"event": "interrupted", "operation": OPERATION}]
    assert f"likeness watch {OPERATION}" in finished.stderr


async def test_ctrl_c_cancels_the_drawing(tmp_path: Path) -> None:
    service = StandIn()
    async with serving(service) as address:
        arguments = ("generate", "a photo of <ann>", "--out", str(tmp_path / "out"), "--json")
        process = await start(address, *arguments)
        assert process.stdout is not None
        await process.stdout.readline()
        finished = await interrupt(process)
        await service.cancelled.wait()
    assert finished.code == 130
    assert not (tmp_path / "out").exists()


async def test_pictures_never_replace_others(tmp_path: Path) -> None:
    service = StandIn()
    service.goes_on.set()
    arguments = ("generate", "a photo of <ann>", "--out", str(tmp_path), "--seed", "5", "--json")
    async with serving(service) as address:
        first, second = await asyncio.gather(run(address, *arguments), run(address, *arguments))
    names = {"a-photo-of-ann-seed5.png", "a-photo-of-ann-seed5-2.png"}
    paths = {first.lines[-1]["path"], second.lines[-1]["path"]}
    assert paths == {str(tmp_path / name) for name in names}
    assert _pictures(tmp_path) == dict.fromkeys(names, png("teal"))


async def test_a_picture_that_is_held_back_is_told_and_not_written(tmp_path: Path) -> None:
    service = StandIn(held_back=frozenset({1}))
    service.goes_on.set()
    arguments = ("generate", "a cup", "--images", "3", "--seed", "5", "--out", str(tmp_path))
    async with serving(service) as address:
        people = await run(address, *arguments)
        written = set(_pictures(tmp_path))
        programs = await run(address, *arguments, "--json")
    assert (people.code, programs.code) == (0, 0)
    assert "held back by the safety checker  seed 6" in people.stdout
    assert written == {"a-cup-seed5.png", "a-cup-seed7.png"}
    told = [line for line in programs.lines if line["event"] in ("picture", "filtered")]
    assert [line["event"] for line in told] == ["picture", "filtered", "picture"]
    assert (told[1]["index"], told[1]["seed"], "path" in told[1]) == (1, 6, False)


async def test_options_reach_the_service(tmp_path: Path) -> None:
    service = StandIn()
    service.goes_on.set()
    prompts = ("<ann> next to <bob>", "a cup of <cleo>")
    options = ("--images", "2", "--steps", "20", "--guidance", "3.5", "--seed", "9")
    negative = ("--negative", "hat")
    bindings = ("--identity", "bob=identities/robert", "--identity", "cleo=cleopatra")
    async with serving(service) as address:
        out = ("--out", str(tmp_path))
        finished = await run(address, "generate", *prompts, *out, *options, *bindings, *negative)
    assert finished.code == 0
    stems = ("ann-next-to-bob", "a-cup-of-cleo")
    assert set(_pictures(tmp_path)) == {f"{stem}-seed{n}.png" for stem in stems for n in (9, 10)}
    assert len(finished.stdout.splitlines()) == 4
    spec = service.requests[0].spec
    assert (spec.prompt, *spec.additional_prompts) == prompts
    assert dict(spec.identities) == {
        "ann": "identities/ann",
        "bob": "identities/robert",
        "cleo": "identities/cleopatra",
    }
    assert (spec.image_count, spec.steps, spec.guidance_scale, spec.seed) == (2, 20, 3.5, 9)
    assert spec.negative_prompt == "hat"


async def test_how_to_draw_reaches_the_service(tmp_path: Path) -> None:
    service = StandIn()
    service.goes_on.set()
    initial_picture = tmp_path / "start.png"
    initial_picture.write_bytes(png("navy"))
    options = ("--scheduler", "dpmpp_2m", "--width", "96", "--height", "64", "--priority", "low")
    strengths = ("--strength", "ann=0.5", "--strength", "bob=0,0,1,1,1")
    initial = ("--init-image", str(initial_picture), "--init-strength", "0.25")
    out = ("--out", str(tmp_path / "out"))
    async with serving(service) as address:
        arguments = (*out, *options, *strengths, *initial)
        finished = await run(address, "generate", "<ann> next to <bob>", *arguments)
    assert finished.code == 0, finished.stderr
    spec = service.requests[0].spec
    assert (spec.scheduler, spec.priority) == (pb.SCHEDULER_DPMPP_2M, pb.PRIORITY_LOW)
    assert (spec.width, spec.height) == (96, 64)
    stages = {word: list(strength.stages) for word, strength in spec.strengths.items()}
    assert stages == {"ann": [0.5], "bob": [0, 0, 1, 1, 1]}
    assert (spec.init_image.data, spec.init_image.strength) == (png("navy"), 0.25)


async def test_unset_options_are_left_to_the_service(tmp_path: Path) -> None:
    service = StandIn()
    service.goes_on.set()
    async with serving(service) as address:
        await run(address, "generate", "a cup", "--out", str(tmp_path))
    spec = service.requests[0].spec
    assert [field.name for field, _ in spec.ListFields()] == ["prompt"]


async def test_an_unwritable_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    service = StandIn()
    service.goes_on.set()
    async with serving(service) as address:
        out = str(tmp_path / "file" / "pictures")
        finished = await run(address, "generate", "a cup", "--out", out)
    assert finished.code == 1
    assert out in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["train", "no-such-file.png", "--name", "ann"], "no-such-file.png"),
        (["generate", "<ann>", "--out", "x", "--identity", "ann"], "WORD=IDENTITY"),
        (["generate", "<ann>", "--out", "x", "--steps", "many"], "--steps"),
        (["generate", "<ann>", "--out", "x", "--strength", "ann=much"], "WORD=NUMBER"),
        (["generate", "<ann>", "--out", "x", "--scheduler", "heun"], "--scheduler"),
    ],
)
async def test_wrong_usage_exits_with_2(arguments: list[str], named: str) -> None:
    finished = await run("127.0.0.1:1", *arguments)
    assert finished.code == 2
    assert named in finished.stderr
    assert not finished.stdout


async def test_a_service_that_is_away_is_named() -> None:
    finished = await run("127.0.0.1:1", "identities", "--json")
    assert finished.code == 1
    assert "the service at 127.0.0.1:1 can't be reached" in finished.stderr
    assert "make up" in finished.stderr
    assert [(line["event"], line["code"]) for line in finished.lines] == [("error", "UNAVAILABLE")]
