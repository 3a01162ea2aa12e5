"""What every pod keeps to: the restricted Pod Security Standard, limits, probes, pinned images."""

from collections.abc import Sequence

import pytest

from tests.k8s.conftest import Manifest, containers, pods, render

VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}


def test_pods_are_restricted(profile: Sequence[Manifest]) -> None:
    assert pods(profile)
    for name, pod in pods(profile).items():
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for volume in pod["volumes"]:
            assert volume.keys() - {"name"} <= VOLUMES, (name, volume)


def test_containers_are_restricted(profile: Sequence[Manifest]) -> None:
    own = [(pod, each) for pod in pods(profile).values() for each in containers(pod).values()]
    options = [
        each["spec"]["autoscalerOptions"] for each in profile if each["kind"] == "RayCluster"
    ]
    for each in [*(container for _, container in own), *options]:
        context = each["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not context.get("privileged")
        assert {"memory"} <= each["resources"]["limits"].keys()
        assert {"cpu", "memory"} <= each["resources"]["requests"].keys()


def test_images_are_pinned(profile: Sequence[Manifest]) -> None:
    for pod in pods(profile).values():
        for name, container in containers(pod).items():
            _, _, tag = container["image"].rpartition(":")
            assert tag not in ("", "latest", container["image"]), name


def test_what_serves_is_probed(profile: Sequence[Manifest]) -> None:
    for name, pod in pods(profile).items():
        if name.startswith("Job/"):
            continue
        for container in pod["containers"]:
            assert {"readinessProbe", "livenessProbe"} <= container.keys(), (
                name,
                container["name"],
            )
        for container in pod.get("initContainers", ()):
            if container.get("restartPolicy") == "Always":
                assert {"startupProbe", "livenessProbe"} <= container.keys(), container["name"]


def test_mounts_have_their_volumes(profile: Sequence[Manifest]) -> None:
    for name, pod in pods(profile).items():
        volumes = {each["name"] for each in pod["volumes"]}
        mounted = {
            mount["name"] for each in containers(pod).values() for mount in each["volumeMounts"]
        }
        assert mounted == volumes, name


def test_only_the_pod_that_asks_for_pods_has_a_token() -> None:
    for name, pod in pods(render("values-production")).items():
        # Ray's autoscaler runs beside the head, with the account that KubeRay makes for it.
        expected = None if name == "RayCluster/test-ray/head" else False
        assert pod.get("automountServiceAccountToken") is expected, name


@pytest.mark.parametrize("secret", ["likeness-database", "likeness-blobs", "likeness-hub"])
def test_secrets_are_named_where_they_are_used(secret: str) -> None:
    users = [name for name, pod in pods(render("values-production")).items() if secret in str(pod)]
    expected = {
        "likeness-database": ["Deployment/test", "Job/test-migration"],
        "likeness-blobs": ["Deployment/test", "RayCluster/test-ray/trainers"],
        "likeness-hub": ["Job/test-export-"],
    }[secret]
    assert len(users) == len(expected)
    assert all(any(user.startswith(name) for name in expected) for user in users)
