"""`python -m deploy.demo` as a process, against a service that answers at once."""

from pathlib import Path

import grpc
from PIL import Image

from likeness.v1 import generation_service_pb2 as pb
from tests.client.command import run
from tests.client.stand_in import StandIn, serving


async def test_the_demo_leaves_a_sheet_and_eight_pictures(tmp_path: Path) -> None:
    service = StandIn()
    service.goes_on.set()
    out = tmp_path / "new" / "demo.png"
    async with serving(service) as address:
        for _ in range(2):
            finished = await run(address, "--out", str(out), program="deploy.demo")
            assert finished.code == 0, finished.stderr
    assert "ms each" in finished.stdout
    with Image.open(out) as sheet:
        assert sheet.width > 4 * 256
    assert len(list(out.parent.glob("demo-?-*.png"))) == 8
    assert len(list(out.parent.iterdir())) == 9
    specs = [request.spec for request in service.requests[-8:]]
    assert len({(spec.prompt, spec.seed) for spec in specs}) == 8
    assert all(dict(spec.identities) == {"ann": "identities/demo"} for spec in specs)


class Judging(StandIn):
    """Its safety checker holds back the pictures of some seeds."""

    seeds: frozenset[int] = frozenset()

    async def Generate(
        self, request: pb.GenerateRequest, context: grpc.aio.ServicerContext
    ) -> pb.GenerateResponse:
        response = await super().Generate(request, context)
        if request.spec.seed in self.seeds:
            response.images[0].ClearField("data")
            response.images[0].finish_reason = pb.GeneratedImage.FINISH_REASON_FILTERED
        return response


async def test_a_picture_that_is_held_back_is_told_and_left_out(tmp_path: Path) -> None:
    service = Judging()
    service.goes_on.set()
    out = tmp_path / "demo.png"
    async with serving(service) as address:
        for held_back in (0, 1, 8):
            service.seeds = frozenset(range(7, 7 + held_back))
            finished = await run(address, "--out", str(out), program="deploy.demo")
            assert finished.code == 0, finished.stderr
            told = f"{held_back} by the safety checker" in finished.stdout
            assert told == (held_back > 0)
            singles = list(tmp_path.glob("demo-?-*.png"))
            assert len(singles) == 8 - held_back
            for picture in (out, *singles):
                with Image.open(picture) as opened:
                    opened.verify()
