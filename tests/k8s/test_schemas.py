"""What is rendered, over a matrix of values, against Kubernetes' schemas and those of operators."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from jsonschema import Draft202012Validator, ValidationError

from tests.k8s.conftest import Manifest, render

KUBERNETES = ("1.30", "1.34", "1.37")
CRDS = {
    file.stem: Draft202012Validator(json.loads(file.read_text()))
    for file in Path("tests/k8s/crds").glob("*.json")
}
"""Validators of what operators define, by kind."""
ALTERNATIVES = (
    'imagePullSecrets=["registry"]',
    'models.persistence.existingClaim="models"',
    'export.target="tensorrt-rtx"',
    'gateway.tls.secretName=""',
    "gateway.autoscaling.enabled=false",
    "gateway.topologyKeys=[]",
    'training.backend="local"',
    'blobs.credentialsSecret=""',
    "networkPolicy.enabled=false",
    "networkPolicy.egress=[]",
    'triton.runtimeClassName="nvidia"',
    "monitoring.serviceMonitor=false",
)
"""Each is set alone, on production's values."""
OTHER_ROUTES = ("TLSRoute", "GRPCRoute")

# It reads megabytes of schemas for each object.
kubernetes_validate.utils.schema_contents = cache(kubernetes_validate.utils.schema_contents)


def check(manifests: Sequence[Manifest], version: str) -> None:
    """Raises :class:`ValidationError` if Kubernetes or an operator would not take an object."""
    assert manifests
    for each in manifests:
        if each["kind"] in CRDS:
            CRDS[each["kind"]].validate(each)
        else:
            kubernetes_validate.validate(each, version, strict=True)
        for template in _pod_templates(each):
            kubernetes_validate.validate(template, version, strict=True)


def _pod_templates(manifest: Manifest) -> list[Manifest]:
    """Pods within what an operator defines, as objects of Kubernetes' own."""
    if manifest["kind"] != "RayCluster":
        return []
    spec = manifest["spec"]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    return [
        {"apiVersion": "v1", "kind": "PodTemplate", "template": group["template"]}
        for group in groups
    ]


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_field_is_known(profile: Sequence[Manifest], version: str) -> None:
    check(profile, version)


@pytest.mark.parametrize("setting", ALTERNATIVES)
def test_other_values_render_what_is_known_too(setting: str) -> None:
    check(render("values-production", setting), KUBERNETES[-1])


@pytest.mark.parametrize("kind", OTHER_ROUTES)
def test_other_routes_are_known_too(kind: str) -> None:
    manifests = render("everything", f'gateway.route.kind="{kind}"')
    assert kind in {each["kind"] for each in manifests}
    check(manifests, KUBERNETES[-1])


def test_every_schema_is_used() -> None:
    assert {*OTHER_ROUTES, *(each["kind"] for each in render("everything"))} >= CRDS.keys()


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Certificate", ["spec"]),
        ("HTTPRoute", ["spec", "rules", 0]),
        ("RayCluster", ["spec", "headGroupSpec"]),
        ("RayCluster", ["spec", "headGroupSpec", "template", "spec"]),
        ("ScaledObject", ["spec", "triggers", 0]),
        ("ServiceMonitor", ["spec", "endpoints", 0]),
    ],
)
def test_a_field_that_does_not_exist_is_found(kind: str, path: list[Any]) -> None:
    manifests = [each for each in render("everything") if each["kind"] == kind]
    (broken, *_) = json.loads(json.dumps(manifests))
    place = broken
    for step in path:
        place = place[step]
    place["noSuchField"] = 1
    with pytest.raises(ValidationError, match="noSuchField"):
        check([broken], KUBERNETES[-1])
