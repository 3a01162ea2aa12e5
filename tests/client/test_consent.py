"""The consent that the library and its command tell the service of."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from client import Consent, LikenessClient
from likeness.v1 import identity_service_pb2 as pb
from tests.client.command import run
from tests.client.stand_in import StandIn, serving

WORDS = ("--consent-by", "case 4711", "--consent-purpose", "a card")


async def test_both_commands_take_a_consent(source: str, tmp_path: Path) -> None:
    (file := tmp_path / "ann.safetensors").write_bytes(b"learned")
    service, before = StandIn(), int(time.time())
    service.goes_on.set()
    previews = ("--previews-to", str(tmp_path))
    async with serving(service) as address:
        trained = await run(address, "train", source, "--name", "ann", *WORDS, *previews)
        said = ("--consent-time", "2026-11-24T08:30:00+02:00")
        imported = await run(address, "import", str(file), "--name", "bob", *WORDS, *said)
    assert (trained.code, imported.code) == (0, 0)
    training, _, taken = service.requests
    assert isinstance(training, pb.TrainIdentityRequest)
    assert isinstance(taken, pb.ImportIdentityRequest)
    for told in (training.consent, taken.consent):
        assert (told.given_by, told.purpose) == ("case 4711", "a card")
    assert before <= training.consent.given_time.seconds <= time.time()
    assert taken.consent.given_time.ToDatetime(UTC) == datetime(2026, 11, 24, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (WORDS[:2], "--consent-purpose"),
        (WORDS[2:], "--consent-by"),
        ((*WORDS, "--consent-time", "yesterday"), "--consent-time"),
    ],
)
async def test_half_a_consent_is_wrong_usage(
    source: str, words: tuple[str, ...], option: str
) -> None:
    finished = await run("127.0.0.1:1", "train", source, "--name", "ann", *words)
    assert finished.code == 2
    assert option in finished.stderr


async def test_a_time_without_a_zone_is_local() -> None:
    given = datetime(2026, 11, 24, 8, 30)
    async with serving(service := StandIn()) as address, LikenessClient(address) as client:
        await client.import_identity(b"learned", consent=Consent("case 4711", "a card", given))
    (request,) = service.requests
    assert isinstance(request, pb.ImportIdentityRequest)
    assert request.consent.given_time.seconds == given.timestamp()


def test_to_ask_again_with_the_same_consent_is_the_same_request() -> None:
    consent = Consent("case 4711", "a card")
    assert consent.message() == consent.message()
