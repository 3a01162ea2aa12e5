"""The chart, rendered by a real Helm."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path("k8s/likeness")
PROFILES = ("values", "values-cpu-demo", "values-single-gpu", "values-production")

Manifest = dict[str, Any]


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the Helm that ``make test`` has fetched."""
    command = shutil.which("helm", path=str(Path(sys.executable).parent))
    assert command, "there is no helm yet: python k8s/helm.py"
    return subprocess.run([command, *arguments], capture_output=True, text=True, check=False)


@cache
def render(profile: str = "values", *settings: str) -> Sequence[Manifest]:
    """What the release ``test`` in the namespace ``likeness`` is made of.

    Args:
        profile: name of a values file of the chart.
        settings: ``path=value``, value as JSON.
    """
    options = [each for setting in settings for each in ("--set-json", setting)]
    values = str(CHART / f"{profile}.yaml")
    done = helm("template", "test", str(CHART), "-n", "likeness", "--values", values, *options)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.load_all(done.stdout, yaml.CSafeLoader) if each]


def of_kind(manifests: Sequence[Manifest], kind: str, name: str | None = None) -> Manifest:
    """The only object of a kind, or that of a name."""
    (found,) = (
        each
        for each in manifests
        if each["kind"] == kind and name in (None, each["metadata"]["name"])
    )
    return found


def pods(manifests: Sequence[Manifest]) -> dict[str, Manifest]:
    """The specifications of all pods, by what makes them."""
    found = {}
    for each in manifests:
        name = f"{each['kind']}/{each['metadata']['name']}"
        if each["kind"] in ("Deployment", "Job"):
            found[name] = each["spec"]["template"]["spec"]
        elif each["kind"] == "RayCluster":
            found[f"{name}/head"] = each["spec"]["headGroupSpec"]["template"]["spec"]
            for group in each["spec"]["workerGroupSpecs"]:
                found[f"{name}/{group['groupName']}"] = group["template"]["spec"]
    return found


def containers(pod: Manifest) -> dict[str, Manifest]:
    """A pod's containers by name, those before the main ones included."""
    return {each["name"]: each for each in (*pod.get("initContainers", ()), *pod["containers"])}


def environment(container: Manifest) -> dict[str, Any]:
    """A container's variables: values, or where they come from."""
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


@pytest.fixture(params=PROFILES)
def profile(request: pytest.FixtureRequest) -> Sequence[Manifest]:
    return render(request.param)


@pytest.fixture(scope="session")
def refused() -> Callable[..., str]:
    """What Helm says about values that it refuses."""

    def ask(*settings: str) -> str:
        options = [each for setting in settings for each in ("--set-json", setting)]
        done = helm("template", "test", str(CHART), *options)
        assert done.returncode != 0, "these values were taken"
        return done.stderr

    return ask
