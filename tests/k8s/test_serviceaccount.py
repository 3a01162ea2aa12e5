"""The account of the release's pods, which tells Kubernetes' API nothing."""

from collections.abc import Sequence

from tests.k8s.conftest import Manifest, of_kind, pods, render

OTHERS = ("Job/test-migration", "RayCluster/test-ray/head")
"""Pods of other accounts: one runs before this one is made, one's account KubeRay makes."""


def test_pods_have_it_and_no_token(profile: Sequence[Manifest]) -> None:
    account = of_kind(profile, "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    for name, pod in pods(profile).items():
        expected = None if name in OTHERS else account["metadata"]["name"]
        assert pod.get("serviceAccountName") == expected, name


def test_a_cloud_may_give_it_a_role() -> None:
    account = of_kind(render("everything"), "ServiceAccount")
    assert account["metadata"]["annotations"] == {"cloud.example/role": "likeness"}
