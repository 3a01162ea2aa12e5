"""The gateway's pod: its settings are the code's."""

import json
from collections.abc import Sequence

import pytest

from service.settings import Settings
from tests.k8s.conftest import (
    Manifest,
    containers,
    environment,
    of_kind,
    pods,
    render,
    setting_of,
)

POSTGRESQL = "postgresql+asyncpg://user:password@host/likeness"


def gateway(manifests: Sequence[Manifest]) -> Manifest:
    return of_kind(manifests, "Deployment", "test")


def settings_of(manifests: Sequence[Manifest], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that a gateway of these manifests reads."""
    pod = gateway(manifests)["spec"]["template"]["spec"]
    variables = environment(containers(pod)["gateway"])
    for name, value in variables.items():
        monkeypatch.setenv(name, value if isinstance(value, str) else POSTGRESQL)
    if {"secretRef": {"name": "likeness-gateway-settings"}} in containers(pod)["gateway"].get(
        "envFrom", []
    ):
        monkeypatch.setenv("LIKENESS_PROVENANCE__WATERMARK_KEY", "ours")
    settings = Settings()
    for name in variables:
        if name.startswith("LIKENESS_"):
            setting_of(settings, name)
    return settings


def test_the_gateway_takes_its_settings(
    profile: Sequence[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(profile, monkeypatch)
    assert settings.triton.url == "test-triton:8001"
    assert of_kind(profile, "Service", "test-triton")["spec"]["ports"][0]["port"] == 8001


def test_a_secrets_certificate_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    manifests = render("values-production")
    provenance = settings_of(manifests, monkeypatch).provenance
    pod = gateway(manifests)["spec"]["template"]["spec"]
    (mount,) = (
        each for each in containers(pod)["gateway"]["volumeMounts"] if each["name"] == "credentials"
    )
    (volume,) = (each for each in pod["volumes"] if each["name"] == "credentials")
    assert volume["secret"]["secretName"] == "likeness-content-credentials"
    for path, key in ((provenance.certificates, "tls.crt"), (provenance.private_key, "tls.key")):
        assert str(path) == f"{mount['mountPath']}/{key}"


def test_one_gateway_keeps_all_on_its_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    manifests = render("values-cpu-demo")
    settings = settings_of(manifests, monkeypatch)
    assert settings.database.url == "sqlite+aiosqlite:////data/likeness.db"
    assert settings.blobs.url == "file:///data/blobs"
    spec = gateway(manifests)["spec"]
    assert spec["strategy"] == {"type": "Recreate"}
    (data,) = (v for v in spec["template"]["spec"]["volumes"] if v["name"] == "data")
    assert data["persistentVolumeClaim"]["claimName"] == "test-data"
    assert of_kind(manifests, "PersistentVolumeClaim", "test-data")


def test_several_gateways_share_database_and_blobs(monkeypatch: pytest.MonkeyPatch) -> None:
    manifests = render("values-production")
    settings = settings_of(manifests, monkeypatch)
    assert settings.database.url == POSTGRESQL
    assert settings.blobs.url == "s3://likeness/production"
    spec = gateway(manifests)["spec"]
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert "replicas" not in spec  # the autoscaler's
    pod = spec["template"]["spec"]
    assert {"secretRef": {"name": "likeness-blobs"}} in containers(pod)["gateway"]["envFrom"]


def test_further_settings_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = json.dumps({"LIKENESS_GENERATION__STEPS": "30"})
    manifests = render("values", f"gateway.environment={extra}")
    assert settings_of(manifests, monkeypatch).generation.steps == 30


def test_trainings_in_the_pod_need_the_image_with_torch() -> None:
    def image(profile: str) -> str:
        pod = gateway(render(profile))["spec"]["template"]["spec"]
        return str(containers(pod)["gateway"]["image"])

    assert image("values-cpu-demo") == "likeness-trainer:0.1.0"
    assert image("values-production") == "likeness-gateway:0.1.0"


def test_it_drains_before_the_kubelet_loses_patience(
    profile: Sequence[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = gateway(profile)["spec"]["template"]["spec"]
    sleep = containers(pod)["gateway"]["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = settings_of(profile, monkeypatch).drain_seconds
    assert sleep + drain < pod["terminationGracePeriodSeconds"]


def test_envoy_starts_before_and_ends_after_the_gateway(profile: Sequence[Manifest]) -> None:
    pod = gateway(profile)["spec"]["template"]["spec"]
    first = pod["initContainers"][0]
    assert (first["name"], first["restartPolicy"]) == ("envoy", "Always")


def test_replicas_are_spread() -> None:
    manifests = render("values-production")
    labels = gateway(manifests)["spec"]["selector"]["matchLabels"]
    spread = pods(manifests)["Deployment/test"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    ]
    assert all(each["labelSelector"]["matchLabels"] == labels for each in spread)
