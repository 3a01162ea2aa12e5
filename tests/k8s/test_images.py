"""The images' recipes. Not built here: that takes a Docker engine."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.k8s.conftest import containers, pods, render

RECIPES = sorted(Path("deploy/docker").glob("*.Dockerfile"))
LIMIT = 560 * 10**6
"""Bytes of the gateway's packages, more than a third of them Ray's. As a registry keeps them,
compressed, 447 MB were 148 MB when last looked at, to which the base image comes."""


def hadolint(recipe: Path) -> subprocess.CompletedProcess[str]:
    command = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert command
    return subprocess.run([command, str(recipe)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)
def test_the_linter_finds_no_fault(recipe: Path) -> None:
    done = hadolint(recipe)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_would_find_one(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN cd /tmp\n")
    assert hadolint(tmp_path / "Dockerfile").returncode != 0


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)
def test_stages_and_user(recipe: Path) -> None:
    text = recipe.read_text()
    assert len(re.findall(r"^FROM ", text, re.MULTILINE)) == 2
    last = text[text.rindex("\nFROM ") :]
    assert "USER 10001:10001" in last  # the chart's runAsUser
    assert "pip install" not in last


def test_every_image_of_the_chart_has_a_recipe() -> None:
    images = {
        container["image"].partition(":")[0]
        for profile in ("values-cpu-demo", "values-production")
        for pod in pods(render(profile)).values()
        for container in containers(pod).values()
    }
    recipes = "\n".join(recipe.read_text() for recipe in RECIPES)
    for image in images - {"envoyproxy/envoy"}:
        assert f"-t {image}:" in recipes, image


def extras(recipe: str) -> set[str]:
    """Extras of this package that a recipe installs."""
    found = re.search(r"'\.\[(.+?)\]'", (Path("deploy/docker") / recipe).read_text())
    assert found
    return set(found[1].split(","))


def needed(lines: Iterable[str], asked: Iterable[str] = ("",)) -> Iterator[Requirement]:
    """Requirements whose markers hold, for the extras that were asked for."""
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in asked):
            yield requirement


def packages(recipe: str) -> set[str]:
    """Names of all packages that a recipe installs, by the metadata of those installed here."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"]]
    for extra in extras(recipe):
        lines += project["optional-dependencies"][extra]
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = list(needed(lines))
    while waiting:
        requirement = waiting.pop()
        package = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if package not in found:
            found.add(package)
            requires = distribution(requirement.name).requires or ()
            waiting += needed(requires, requirement.extras or ("",))
    return {name for name, _ in found}


def installed_bytes(package: str) -> int:
    """Bytes of a package's files."""
    paths = [Path(str(each.locate())) for each in distribution(package).files or ()]
    return sum(path.stat().st_size for path in paths if path.suffix != ".pyc" and path.exists())


def test_the_gateway_comes_without_torch_and_is_small() -> None:
    found = packages("gateway.Dockerfile")
    assert {"grpcio", "sqlalchemy", "asyncpg", "ray"} <= found
    assert not found & {"torch", "diffusers", "transformers", "onnxruntime", "openvino"}
    assert sum(map(installed_bytes, found)) < LIMIT


def test_the_trainer_has_what_a_worker_imports() -> None:
    assert extras("trainer.Dockerfile") >= extras("gateway.Dockerfile") | {"basemodel"}
