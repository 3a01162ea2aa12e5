"""Credentials as callers show them to a gateway that asks for some."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from google.rpc import error_details_pb2

from likeness.v1 import identity_service_pb2 as pb
from service.auth.api_keys import ApiKeys
from service.auth.certificates import forwarded_names
from service.caller import Caller
from service.errors import UnauthenticatedError
from service.store import ApiKeyStore, Database, now
from tests.service.gateway import Gateway, Stubs, details, running
from tests.service.test_tokens import Issuer


async def refusal(stubs: Stubs, **metadata: str) -> str:
    """Status and reason of a call; empty if it is let through."""
    shown = tuple((name.replace("_", "-"), value) for name, value in metadata.items())
    try:
        await stubs.identities.ListIdentities(pb.ListIdentitiesRequest(), metadata=shown)
    except grpc.aio.AioRpcError as error:
        info: Any = details(error)[error_details_pb2.ErrorInfo]
        return f"{error.code().name} {info.reason}"
    return ""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def credentials(authority: trustme.CA, caller: trustme.LeafCert | None) -> grpc.ChannelCredentials:
    """Trust in the authority; with a certificate, if the caller has one."""
    key = caller.private_key_pem.bytes() if caller else None
    chain = caller.cert_chain_pems[0].bytes() if caller else None
    return grpc.ssl_channel_credentials(authority.cert_pem.bytes(), key, chain)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[Gateway]:
    """On all addresses: TLS with client certificates, API keys, tokens."""
    home = tmp_path_factory.mktemp("secure")
    issuer = Issuer(home / "issuer.json")
    write_certificate(home, authority)
    authority.cert_pem.write_to_path(home / "ca.crt")
    gateway = Gateway(
        home,
        {
            "TLS__CERTIFICATE": str(home / "tls.crt"),
            "TLS__KEY": str(home / "tls.key"),
            "TLS__CLIENT_CA": str(home / "ca.crt"),
            "AUTH__API_KEYS": "true",
            "AUTH__CERTIFICATES": json.dumps({"red.example": "red"}),
            "AUTH__JWT__JWKS": str(issuer.file),
            "AUTH__JWT__AUDIENCE": "likeness",
            "AUTH__JWT__ISSUER": "https://issuer.example",
            "PROVENANCE__WATERMARK_KEY": "a secret",
        },
        credentials(authority, authority.issue_cert("red.example")),
    )
    gateway.settings["LISTEN"] = f"0.0.0.0:{gateway.port}"
    (home / "token").write_text(issuer.token())
    yield from running(gateway)


def write_certificate(home: Path, authority: trustme.CA) -> None:
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(home / "tls.key")
    certificate.cert_chain_pems[0].write_to_path(home / "tls.crt")


async def test_each_kind_of_credential_is_taken(secure: Gateway, authority: trustme.CA) -> None:
    database = Database(secure.database)
    key = await ApiKeys(ApiKeyStore(database)).create("red")
    await database.close()
    token = (secure.home / "token").read_text()
    red, nameless = authority.issue_cert("red.example"), authority.issue_cert("other.example")
    async with grpc.aio.secure_channel(secure.name, credentials(authority, red)) as channel:
        assert await refusal(Stubs(channel)) == ""
        wrong = await refusal(Stubs(channel), authorization=f"Bearer {key}x")
        assert wrong == "UNAUTHENTICATED CREDENTIAL_INVALID"  # whatever the certificate says
    async with grpc.aio.secure_channel(secure.name, credentials(authority, nameless)) as channel:
        stubs = Stubs(channel)
        assert await refusal(stubs) == "PERMISSION_DENIED TENANT_UNKNOWN"
        assert await refusal(stubs, x_forwarded_client_cert="DNS=red.example") != ""
        assert await refusal(stubs, authorization=f"Bearer {key}") == ""
        assert await refusal(stubs, authorization=f"bearer {token}") == ""
        for wrong in (token, f"Basic {key}", "Bearer", "Bearer "):
            assert "CREDENTIAL_INVALID" in await refusal(stubs, authorization=wrong)
        assert await stubs.serving()  # health needs no credential
    assert key not in secure.log.read_text()
    assert token not in secure.log.read_text()


@pytest.mark.parametrize("stranger", [True, False])
async def test_without_a_certificate_of_the_authority_nobody_connects(
    secure: Gateway, authority: trustme.CA, stranger: bool
) -> None:
    caller = trustme.CA().issue_cert("red.example") if stranger else None
    async with grpc.aio.secure_channel(secure.name, credentials(authority, caller)) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await Stubs(channel).identities.ListIdentities(pb.ListIdentitiesRequest(), timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_renewed_certificate_is_taken_up(secure: Gateway, authority: trustme.CA) -> None:
    other = trustme.CA()
    write_certificate(secure.home, other)
    try:
        trust = grpc.ssl_channel_credentials(
            other.cert_pem.bytes(),
            (red := authority.issue_cert("red.example")).private_key_pem.bytes(),
            red.cert_chain_pems[0].bytes(),
        )
        async with grpc.aio.secure_channel(secure.name, trust) as channel:
            assert await refusal(Stubs(channel)) == ""
    finally:
        write_certificate(secure.home, authority)


async def test_behind_a_sidecar_its_header_tells_the_certificate(tmp_path: Path) -> None:
    settings = {
        "AUTH__SIDECAR": "true",
        "AUTH__CERTIFICATES": json.dumps({"spiffe://example/red": "red"}),
        "PROVENANCE__WATERMARK_KEY": "ours",
    }
    for gateway in running(Gateway(tmp_path, settings)):
        async with gateway.stubs() as stubs:
            assert await refusal(stubs) == "UNAUTHENTICATED CREDENTIAL_MISSING"
            known = "Hash=a1;URI=spiffe://example/red"
            assert await refusal(stubs, x_forwarded_client_cert=known) == ""
            unknown = known.replace("red", "blue")
            told = await refusal(stubs, x_forwarded_client_cert=unknown)
            assert told == "PERMISSION_DENIED TENANT_UNKNOWN"


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ('Hash=1;Subject="CN=ann,O=x";URI=spiffe://a;DNS=b;DNS=c', ["spiffe://a", "b", "c", "ann"]),
        ('Subject="O=x\\,CN=ann"', []),
        ('Hash=1;Subject="";URI=', []),
        ("DNS=a,DNS=b", None),
        ('Subject="CN=ann', None),
        ("", None),
    ],
)
def test_the_sidecars_header_is_read_strictly(header: str, names: list[str] | None) -> None:
    if names is None:
        with pytest.raises(UnauthenticatedError):
            forwarded_names([header])
    else:
        assert forwarded_names([header]) == names


async def test_api_keys_expire_and_are_revoked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ApiKeyStore(database)
    keys = ApiKeys(store)
    key = await keys.create("red")
    short = await keys.create("red", now() - 1)
    (kept, _), key_id = await store.all(), key.split("_")[1]
    assert await keys.caller(key) == Caller("red", f"key:{key_id}", "api_key")
    assert key.split("_", 2)[2] not in str(kept)
    for wrong in (short, key[:-1] + ("a" if key[-1] != "a" else "b"), "lk_", key + "\n", key[:-1]):
        with pytest.raises(UnauthenticatedError):
            await keys.caller(wrong)
    assert await store.revoke(key_id)
    assert not await store.revoke(key_id)
    await keys.caller(key)  # for a few seconds more
    later = time.monotonic() + 6
    monkeypatch.setattr(time, "monotonic", lambda: later)
    with pytest.raises(UnauthenticatedError):
        await keys.caller(key)
