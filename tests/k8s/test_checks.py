"""Values that can't work are refused, in words that say what to do."""

from collections.abc import Callable

import pytest

TLS = 'gateway.tls.secretName="tls"'
KEY = 'gateway.environmentSecrets=["settings"]'
OUTSIDE = [
    TLS,
    KEY,
    'gateway.route.parentRefs=[{"name": "public"}]',
    'gateway.route.hostnames=["a.b"]',
]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["gateway.replicas=2"], "needs database.secretName and blobs.url"),
        (["gateway.autoscaling.enabled=true"], "needs database.secretName and blobs.url"),
        (["gateway.replicas=2", 'blobs.url="s3://b"'], "needs database.secretName and blobs.url"),
        (['training.backend="ray"'], "needs database.secretName and blobs.url"),
        (['gateway.tls.issuer.name="ca"'], "gateway.tls.secretName"),
        (['gateway.ingress.hosts=["a.b"]'], "gateway.tls.secretName"),
        ([TLS], "LIKENESS_PROVENANCE__WATERMARK_KEY"),
        ([*OUTSIDE[1:], 'gateway.route.kind="TLSRoute"'], "gateway.tls.secretName"),
        ([*OUTSIDE[:3], 'gateway.route.kind="TLSRoute"'], "needs parentRefs and hostnames"),
        ([*OUTSIDE, 'gateway.route.kind="GRPCRoute"'], "gateway.route.caConfigMap"),
        (["triton.autoscaling.enabled=true"], "triton.autoscaling.prometheus"),
        # the schema's
        (['images.gateway.tag="latest"'], "tag"),
        (['export.target="cuda"'], "target"),
        (['gateway.environment={"PATH": "/"}'], "PATH"),
        (['triton.resources={"requests": {}, "limits": null}'], "limits"),
        (['databse.secretName="x"'], "databse"),
        (['gateway.route.hostnames=["https://a.b"]'], "hostnames"),
    ],
)
def test_values_that_can_not_work_are_refused(
    refused: Callable[..., str], settings: list[str], message: str
) -> None:
    assert message in refused(*settings)


@pytest.mark.parametrize("tenants", ["{}", '{"*": "red"}'])
@pytest.mark.parametrize(
    "way",
    [
        [*OUTSIDE, 'gateway.route.kind="HTTPRoute"', 'gateway.route.caConfigMap="ca"'],
        [TLS, KEY, 'gateway.ingress.hosts=["a.b"]', 'gateway.ingress.tlsSecretName="public"'],
    ],
)
def test_a_proxys_certificate_makes_nobody_a_tenant(
    refused: Callable[..., str], way: list[str], tenants: str
) -> None:
    assert "who would all be one tenant" in refused(*way, f"gateway.tls.tenants={tenants}")
