"""The client and the command against a service that asks for a certificate and a credential."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest
import trustme

from client import Access, LikenessClient, LikenessError
from service.auth.api_keys import ApiKeys
from service.store import ApiKeyStore, Database
from tests.client.command import run
from tests.service.gateway import Gateway, running


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``ca.crt``, and certificates and keys of the service and of a caller."""
    home, authority = tmp_path_factory.mktemp("tls"), trustme.CA()
    authority.cert_pem.write_to_path(home / "ca.crt")
    for name, host in (("tls", "localhost"), ("caller", "red.example")):
        certificate = authority.issue_cert(host)
        certificate.private_key_pem.write_to_path(home / f"{name}.key")
        certificate.cert_chain_pems[0].write_to_path(home / f"{name}.crt")
    return home


@pytest.fixture(scope="module")
def gateway(files: Path) -> Iterator[Gateway]:
    trust = grpc.ssl_channel_credentials(
        *((files / name).read_bytes() for name in ("ca.crt", "caller.key", "caller.crt"))
    )
    settings = {
        "TLS__CERTIFICATE": str(files / "tls.crt"),
        "TLS__KEY": str(files / "tls.key"),
        "TLS__CLIENT_CA": str(files / "ca.crt"),
        "AUTH__CERTIFICATES": json.dumps({"red.example": "red"}),
        "AUTH__API_KEYS": "true",
    }
    yield from running(Gateway(files, settings, trust))


@pytest.fixture
async def key(gateway: Gateway) -> AsyncIterator[str]:
    database = Database(gateway.database)
    yield await ApiKeys(ApiKeyStore(database)).create("blue")
    await database.close()


async def test_certificates_and_keys_are_shown(gateway: Gateway, files: Path, key: str) -> None:
    own = {"certificate": files / "caller.crt", "key": files / "caller.key"}
    for credential in ({}, {"api_key": key}, {"token_file": files / "token"}):
        (files / "token").write_text(key + "\n")
        access = Access(files / "ca.crt", **own, **credential)  # type: ignore[arg-type]
        async with LikenessClient(gateway.name, access=access) as client:
            assert [identity async for identity in client.list_identities()] == []
    access = Access(files / "ca.crt", **own, api_key="lk_wrong")
    async with LikenessClient(gateway.name, access=access) as client:
        for call in (client.get_identity("ann"), client.generate("a photo")):
            with pytest.raises(LikenessError) as caught:
                await call
            assert caught.value.reason == "CREDENTIAL_INVALID"


async def test_the_command_takes_files_and_the_environment(
    gateway: Gateway, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ("--certificate", str(files / "caller.crt"), "--key", str(files / "caller.key"))
    done = await run(gateway.name, "--roots", str(files / "ca.crt"), *own, "identities", "--json")
    assert (done.code, done.stdout) == (0, ""), done.stderr
    half = await run(gateway.name, *own[:2], "identities")
    assert (half.code, "belong together" in half.stderr) == (2, True)
    for name, file in (("ROOTS", "ca.crt"), ("CLIENT_CERTIFICATE", "caller.crt")):
        monkeypatch.setenv(f"LIKENESS_{name}", str(files / file))
    monkeypatch.setenv("LIKENESS_CLIENT_KEY", str(files / "caller.key"))
    monkeypatch.setenv("LIKENESS_API_KEY", "lk_wrong")
    refused = await run(gateway.name, "identities", "--json")
    assert refused.code == 1
    assert refused.lines[-1]["reason"] == "CREDENTIAL_INVALID"


@pytest.mark.parametrize(
    ("address", "tls"),
    [
        ("127.0.0.1:1", False),
        ("localhost:1", False),
        ("[::1]:1", False),
        ("gateway:1", True),
        ("127.0.0.1.example.com:1", True),
        ("10.0.0.1:1", True),
    ],
)
def test_nothing_crosses_a_network_in_the_clear(address: str, tls: bool) -> None:
    assert (Access().channel_credentials(address) is not None) is tls
