"""Triton's pod, and that its probe finds out what Triton's own readiness hides."""

import subprocess
import time
import urllib.request
from collections.abc import Sequence

from deploy.triton import TritonServer
from sampler.heartbeat import FRESH_SECONDS
from tests.k8s.conftest import Manifest, containers, environment, of_kind, pods, render
from tests.support.serving import kill_stub


def servers(manifests: Sequence[Manifest]) -> dict[str, Manifest]:
    return containers(pods(manifests)["Deployment/test-triton"])


def test_it_loads_all_that_the_bundle_holds(profile: Sequence[Manifest]) -> None:
    arguments = servers(profile)["triton"]["args"]
    assert "--load-model=*" in arguments
    assert "--model-control-mode=explicit" in arguments  # for the watchdog


def test_all_speak_of_one_bundle(profile: Sequence[Manifest]) -> None:
    (name,) = (each for each in pods(profile) if each.startswith("Job/test-export-"))
    (out,) = (
        each.removeprefix("--out=")
        for each in containers(pods(profile)[name])["export"]["args"]
        if each.startswith("--out=")
    )
    assert f"--model-repository={out}/models" in servers(profile)["triton"]["args"]
    assert f"{out}/bundle.json" in servers(profile)["models"]["args"][0]
    gateway = containers(pods(profile)["Deployment/test"])["gateway"]
    assert environment(gateway)["LIKENESS_BUNDLE"] == out


def test_a_gpu_is_asked_for_where_engines_are_for_one() -> None:
    for profile, gpus in (("values-cpu-demo", None), ("values-single-gpu", 1)):
        limits = servers(render(profile))["triton"]["resources"]["limits"]
        assert limits.get("nvidia.com/gpu") == gpus


def test_its_service_shows_calls_and_metrics_only(profile: Sequence[Manifest]) -> None:
    service = of_kind(profile, "Service", "test-triton")["spec"]
    assert [each["name"] for each in service["ports"]] == ["grpc", "metrics"]


def test_the_liveness_probe_finds_a_model_whose_process_has_died(triton: TritonServer) -> None:
    """The kubelet's own command, at a real Triton of which one process is killed."""
    probe = servers(render())["triton"]["livenessProbe"]["exec"]["command"]
    address = f"127.0.0.1:{triton.ports.http}"
    command = [each.replace("127.0.0.1:8000", address) for each in probe]
    models = f"http://{address}/v2"

    def succeeds() -> bool:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    assert succeeds()
    kill_stub(triton, "unet")
    time.sleep(FRESH_SECONDS)  # so long a heartbeat trusts the last answer
    try:
        assert not succeeds()
        with urllib.request.urlopen(f"{models}/models/unet/ready", timeout=5) as answer:
            assert answer.status == 200  # the trap
    finally:
        for action in ("unload", "load"):
            url = f"{models}/repository/models/unet/{action}"
            urllib.request.urlopen(url, data=b"{}", timeout=120).close()
    assert succeeds()
