"""Helm upgrades an object in place: what Kubernetes lets nobody change must stay.

`released.json` holds those fields of the released chart; `python -m tests.k8s.test_upgrade` writes
them when a version of the chart is released.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.k8s.conftest import PROFILES, Manifest, render

RELEASED = Path("tests/k8s/released.json")
FIXED = {
    "Deployment": ("selector",),
    "Job": ("template", "selector", "completions", "completionMode"),
    "PersistentVolumeClaim": ("accessModes", "storageClassName", "volumeMode"),
    "Service": ("clusterIP",),
}
"""Fields of specifications that can't be changed."""


def fixed(manifests: Sequence[Manifest]) -> dict[str, Any]:
    """What can't be changed, by object. Hooks are left out: Helm makes them anew."""
    return {
        f"{each['kind']}/{each['metadata']['name']}": {
            field: each["spec"].get(field) for field in FIXED[each["kind"]]
        }
        for each in manifests
        if each["kind"] in FIXED and "helm.sh/hook" not in each["metadata"].get("annotations", {})
    }


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Objects that an upgrade could not change."""
    return {name for name in before.keys() & after.keys() if before[name] != after[name]}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_released_chart_can_be_upgraded(profile: str) -> None:
    before = json.loads(RELEASED.read_text())[profile]
    assert before
    after = fixed(render(profile))
    assert not changed(before, after)
    assert {name.partition("/")[0] for name in before.keys() - after.keys()} <= {"Job"}


RESOURCES = '{"requests": {"cpu": "8", "memory": "48Gi"}, "limits": {"memory": "64Gi"}}'


@pytest.mark.parametrize(
    "setting",
    [
        'export.args=["--max-rows=8"]',
        f"export.resources={RESOURCES}",
        'export.nodeSelector={"pool": "other"}',
        'imagePullSecrets=["registry"]',
        'images.export.tag="9"',
        'baseModel="/models/other"',
        'models.persistence.size="200Gi"',
        "training.workers=2",
        "triton.replicas=5",
        'gateway.tls.secretName="other"',
        'tracing.endpoint="http://collector:4318"',
    ],
)
def test_values_can_be_changed(setting: str) -> None:
    before, after = render("values-production"), render("values-production", setting)
    assert before != after
    assert not changed(fixed(before), fixed(after))


def test_what_could_not_be_upgraded_is_found() -> None:
    other = 'models.persistence.accessModes=["ReadWriteOnce"]'
    after = fixed(render("values-production", other))
    assert changed(fixed(render("values-production")), after) == {
        "PersistentVolumeClaim/test-models"
    }


if __name__ == "__main__":
    fields = {profile: fixed(render(profile)) for profile in PROFILES}
    RELEASED.write_text(json.dumps(fields, indent=1, sort_keys=True) + "\n")
