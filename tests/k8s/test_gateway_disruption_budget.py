"""How many gateways may be away while nodes are drained."""

from collections.abc import Sequence

from tests.k8s.conftest import Manifest, of_kind


def test_one_at_a_time(profile: Sequence[Manifest]) -> None:
    budget = of_kind(profile, "PodDisruptionBudget")["spec"]
    gateway = of_kind(profile, "Deployment", "test")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == gateway["selector"]
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"  # a broken one holds no node
