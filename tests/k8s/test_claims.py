"""Claims for models and data, which outlive the release."""

from collections.abc import Sequence

from tests.k8s.conftest import Manifest, of_kind, pods, render


def claims(manifests: Sequence[Manifest]) -> dict[str, Manifest]:
    return {
        each["metadata"]["name"]: each
        for each in manifests
        if each["kind"] == "PersistentVolumeClaim"
    }


def test_helm_never_deletes_them(profile: Sequence[Manifest]) -> None:
    assert claims(profile)
    for each in claims(profile).values():
        assert each["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_data_is_claimed_where_database_or_blobs_lie_on_it() -> None:
    assert claims(render("values-cpu-demo")).keys() == {"test-data", "test-models"}
    assert claims(render("values-production")).keys() == {"test-models"}


def test_every_claim_that_pods_mount_is_there(profile: Sequence[Manifest]) -> None:
    mounted = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in pods(profile).values()
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert mounted == claims(profile).keys()


def test_claims_can_be_brought_along() -> None:
    manifests = render(
        "values", 'models.persistence.existingClaim="m"', 'data.persistence.existingClaim="d"'
    )
    assert not claims(manifests)
    volumes = pods(manifests)["Deployment/test"]["volumes"]
    assert {"m", "d"} <= {v.get("persistentVolumeClaim", {}).get("claimName") for v in volumes}


def test_class_and_size_are_the_users() -> None:
    settings = ('models.persistence.storageClass="fast"', 'models.persistence.size="7Gi"')
    spec = of_kind(render("values", *settings), "PersistentVolumeClaim", "test-models")["spec"]
    assert spec["storageClassName"] == "fast"
    assert spec["resources"]["requests"]["storage"] == "7Gi"
