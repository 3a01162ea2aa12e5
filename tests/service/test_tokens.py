"""Tokens: which are taken, and how the issuer's keys change."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from structlog.testing import capture_logs

from service.auth import tokens as module
from service.auth.settings import JwtSettings
from service.auth.tokens import Tokens
from service.errors import GatewayError, UnavailableError


class Issuer:
    """Signs tokens; its public keys lie in a file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.add("first")

    def add(self, key_id: str) -> None:
        self.keys[key_id] = ec.generate_private_key(ec.SECP256R1())
        self.publish(*self.keys)

    def publish(self, *key_ids: str) -> None:
        public = [(key_id, self.keys[key_id].public_key()) for key_id in key_ids]
        keys = [{**ECAlgorithm.to_jwk(key, as_dict=True), "kid": name} for name, key in public]
        self.file.write_text(json.dumps({"keys": keys}))

    def token(self, key_id: str = "first", **claims: Any) -> str:
        usual = {
            "iss": "https://issuer.example",
            "aud": "likeness",
            "sub": "ann@example.com",
            "tenant": "red",
            "exp": time.time() + 60,
        }
        given = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode(given, self.keys[key_id], "ES256", {"kid": key_id})

    def settings(self, **others: Any) -> JwtSettings:
        return JwtSettings(
            jwks=str(self.file), audience="likeness", issuer="https://issuer.example", **others
        )


@pytest.fixture
def issuer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    monkeypatch.setattr(module, "PAUSE_SECONDS", -1.0)
    with capture_logs():
        yield Issuer(tmp_path / "keys.json")


async def reason(tokens: Tokens, token: str) -> str:
    with pytest.raises(GatewayError) as caught:
        await tokens.caller(token)
    return f"{caught.value.code.name} {caught.value.reason}"


async def test_a_good_token_tells_tenant_and_subject(issuer: Issuer) -> None:
    tokens = Tokens(issuer.settings())
    found = await tokens.caller(issuer.token())
    assert (found.tenant, found.subject) == ("red", "ann@example.com")
    assert await tokens.caller(issuer.token(aud=["other", "likeness"])) == found
    skewed = Tokens(issuer.settings(tenant_claim="org", skew_seconds=30))
    late = issuer.token(org="blue", exp=time.time() - 20, nbf=time.time() + 20)
    assert (await skewed.caller(late)).tenant == "blue"


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"exp": 1}, "UNAUTHENTICATED CREDENTIAL_EXPIRED"),
        ({"exp": None}, "UNAUTHENTICATED CREDENTIAL_INVALID"),
        ({"nbf": 2**33}, "UNAUTHENTICATED CREDENTIAL_INVALID"),
        ({"sub": None}, "UNAUTHENTICATED CREDENTIAL_INVALID"),
        ({"aud": "other"}, "UNAUTHENTICATED CREDENTIAL_INVALID"),
        ({"aud": None}, "UNAUTHENTICATED CREDENTIAL_INVALID"),
        ({"iss": "https://other.example"}, "UNAUTHENTICATED CREDENTIAL_INVALID"),
        ({"iss": None}, "UNAUTHENTICATED CREDENTIAL_INVALID"),
        ({"tenant": None}, "PERMISSION_DENIED TENANT_UNKNOWN"),
        ({"tenant": "../red"}, "PERMISSION_DENIED TENANT_UNKNOWN"),
        ({"tenant": ["red"]}, "PERMISSION_DENIED TENANT_UNKNOWN"),
    ],
)
async def test_other_claims_are_refused(issuer: Issuer, claims: dict[str, Any], told: str) -> None:
    assert await reason(Tokens(issuer.settings()), issuer.token(**claims)) == told


@pytest.mark.parametrize(
    "forge",
    [
        lambda claims, key: jwt.encode(claims, None, "none", {"kid": "first"}),
        lambda claims, key: jwt.encode(claims, "s" * 32, "HS256", {"kid": "first"}),
        lambda claims, key: jwt.encode(claims, key, "ES256", {"kid": "first"}),
        lambda claims, key: jwt.encode(claims, key, "ES256", {"kid": "unheard-of"}),
        lambda claims, key: jwt.encode(claims, key, "ES256"),
        lambda claims, key: "no token at all",
        lambda claims, key: "\x00.é.",
    ],
)
async def test_forged_signatures_are_refused(issuer: Issuer, forge: Callable[..., str]) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    token = forge(claims, ec.generate_private_key(ec.SECP256R1()))
    assert await reason(Tokens(issuer.settings()), token) == "UNAUTHENTICATED CREDENTIAL_INVALID"


async def test_keys_change_while_the_gateway_runs(issuer: Issuer) -> None:
    tokens = Tokens(issuer.settings(refresh_seconds=1e-6))
    old = issuer.token()
    await tokens.caller(old)
    issuer.add("second")
    await tokens.caller(issuer.token("second"))
    issuer.publish("second")
    assert await reason(tokens, old) == "UNAUTHENTICATED CREDENTIAL_INVALID"
    issuer.file.write_text("{")  # an issuer in trouble
    await tokens.caller(issuer.token("second"))


async def test_invented_keys_do_not_make_it_ask_the_issuer(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 60.0)
    tokens = Tokens(issuer.settings())
    await tokens.caller(issuer.token())
    issuer.add("second")  # would be found if it were asked
    assert await reason(tokens, issuer.token("second")) == "UNAUTHENTICATED CREDENTIAL_INVALID"


async def test_an_issuer_that_is_away_is_told(issuer: Issuer) -> None:
    settings = issuer.settings()
    issuer.file.unlink()
    with pytest.raises(UnavailableError):
        await Tokens(settings).caller(issuer.token())
