"""The process itself: what it refuses to start with, and how it ends."""

import subprocess
import sys
from collections.abc import Callable

import grpc
import pytest
from google.rpc import error_details_pb2

from service.__main__ import main
from tests.service.gateway import Gateway, details, scripted

Start = Callable[..., Gateway]


def start_and_end(gateway: Gateway) -> subprocess.CompletedProcess[str]:
    """For a gateway that does not come up."""
    return subprocess.run(
        [sys.executable, "-m", "service"],
        env=gateway.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_gateway_has_no_deep_learning_in_it() -> None:
    code = (
        "import sys, service.gateway, service.__main__;"
        "print([m for m in ('torch', 'diffusers', 'transformers', 'basemodel', 'trainer')"
        " if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.strip() == "[]", answer.stderr


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"LISTEN": "0.0.0.0:50051"}, "LIKENESS_LISTEN: refusing to listen on 0.0.0.0:50051"),
        ({"METRICS_LISTEN": "10.1.2.3:1"}, "LIKENESS_METRICS_LISTEN: refusing to listen"),
        ({"LISTEN": "[::]:1", "AUTH__API_KEYS": "1"}, "without TLS"),
        (
            {"LISTEN": "gateway:1", "TLS__CERTIFICATE": __file__, "TLS__KEY": __file__},
            "LIKENESS_LISTEN: refusing to listen on gateway:1 without authentication",
        ),
        (
            {
                "LISTEN": "gateway:1",
                "TLS__CERTIFICATE": __file__,
                "TLS__KEY": __file__,
                "AUTH__API_KEYS": "1",
            },
            "LIKENESS_PROVENANCE__WATERMARK_KEY: refusing to listen on gateway:1 with the default",
        ),
        ({"TLS__KEY": __file__}, "LIKENESS_TLS: certificate and key belong together"),
        ({"TLS__CERTIFICATE": "/none"}, "LIKENESS_TLS__CERTIFICATE: Path does not point to a file"),
        ({"AUTH__CERTIFICATES": '{"a": "b"}'}, "LIKENESS_AUTH__CERTIFICATES: needs"),
        ({"AUTH__CERTIFICATES": '{"a": "/"}'}, "LIKENESS_AUTH__CERTIFICATES__A: a tenant's name"),
        ({"AUTH__SIDECAR": "1"}, "LIKENESS_AUTH__SIDECAR: needs LIKENESS_AUTH__CERTIFICATES"),
        (
            {
                "AUTH__JWT__JWKS": "http://example.com",
                "AUTH__JWT__AUDIENCE": "a",
                "AUTH__JWT__ISSUER": "b",
            },
            "LIKENESS_AUTH__JWT__JWKS: must be a file or an https URL",
        ),
        ({"LISTEN": "50051"}, "LIKENESS_LISTEN: must be HOST:PORT"),
        ({"PRIVACY__KEYS": "[]"}, "LIKENESS_PRIVACY__KEYS: there is no such setting"),
        ({"JOBS__WORKERS": "0"}, "LIKENESS_JOBS__WORKERS: Input should be greater"),
    ],
)
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: dict[str, str],
    message: str,
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"LIKENESS_{name}", value)
    # Or all later tests of this process would log to this one's captured output, which is closed.
    monkeypatch.setattr("service.__main__.configure_logs", lambda: None)
    assert main() == 2
    assert message in capsys.readouterr().err


def test_a_second_gateway_on_the_same_work_or_port_is_refused(start_gateway: Start) -> None:
    first = start_gateway()
    second = Gateway(first.home)
    answer = start_and_end(second)
    assert (answer.returncode, "another gateway" in answer.stderr) == (1, True)
    other = Gateway(first.home, {"JOBS__WORK_DIR": str(first.home / "other")})
    other.port = first.port
    answer = start_and_end(other)
    assert (answer.returncode, "is a port taken?" in answer.stderr) == (1, True)


async def test_a_stopped_gateway_ends_watches_and_trainers_and_goes_on_later(
    start_gateway: Start, photo: bytes
) -> None:
    gateway = start_gateway(JOBS__MAX_FAILURES="1", **scripted("stall", "succeed"))
    async with gateway.stubs() as stubs:
        operation = await stubs.train(photo, "ann")
        await stubs.until_step(operation, 1)
        watching = stubs.watch(operation)
        await anext(watching)
        assert gateway.stop() == 0
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in watching:
                pass
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert details(caught.value)[error_details_pb2.ErrorInfo].reason == "SHUTDOWN"  # type: ignore[attr-defined]
    # The trainer is not to blame, although it may not fail once.
    gateway.start()
    async with gateway.stubs() as stubs:
        assert (await stubs.finished(operation)).HasField("response")
