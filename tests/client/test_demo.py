"""`python -m deploy.demo` as a process, against a service that answers at once."""

from pathlib import Path

from PIL import Image

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
