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

from service.settings import Settings

CHART = Path("k8s/likeness")
PROFILES = ("values", "values-cpu-demo", "values-single-gpu", "values-production", "everything")
"""Values files of the chart; ``everything``: the last one with what it leaves off."""

Manifest = dict[str, Any]


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the Helm that ``make test`` has fetched."""
    command = shutil.which("helm", path=str(Path(sys.executable).parent))
    assert command, "there is no helm yet: python k8s/helm.py"
    return subprocess.run([command, *arguments], capture_output=True, text=True, check=False)


def values_files(profile: str) -> list[str]:
    """Helm's options for a profile's values."""
    files = [CHART / f"{profile}.yaml"]
    if profile == "everything":
        files = [CHART / "values-production.yaml", Path("tests/k8s/everything.yaml")]
    return [each for file in files for each in ("--values", str(file))]


@cache
def render(profile: str = "values", *settings: str) -> Sequence[Manifest]:
    """What the release ``test`` in the namespace ``likeness`` is made of.

    Args:
        profile: one of :data:`PROFILES`.
        settings: ``path=value``, value as JSON.
    """
    options = [each for setting in settings for each in ("--set-json", setting)]
    options += values_files(profile)
    done = helm("template", "test", str(CHART), "-n", "likeness", *options)
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


def of_this_release(text: str) -> str:
    """Rules or panels with the labels of what the release ``test`` is scraped through."""
    for job, service in (("gateway", "test-metrics"), ("triton", "test-triton")):
        labels = f"job='{service}',namespace='likeness'"
        text = text.replace(f"job='likeness-{job}'", labels)
    assert "likeness-gateway" not in text
    return text


def setting_of(settings: Settings, variable: str) -> Any:
    """What the code makes of an environment variable. Raises KeyError if it has no such setting."""
    found: Any = settings.model_dump()
    for part in variable.removeprefix("LIKENESS_").lower().split("__"):
        found = found[part]
    return found


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
