"""The images' recipes. Not built here: that takes a Docker engine."""

import ctypes
import json
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

from deploy.docker.slim import slim, unused
from tests.k8s.conftest import containers, pods, render

RECIPES = sorted(Path("deploy/docker").glob("*.Dockerfile"))
GATEWAY = ("service", "postgresql", "ray")
"""Extras of this package that a gateway needs."""
LIMIT = 450 * 10**6
"""Bytes of the gateway's packages before `strip`, which an image has without. A test does not strip
hundreds of files: when last looked at (docs/kubernetes.md), that left 320 MiB of 428."""


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


def needed(lines: Iterable[str], asked: Iterable[str] = ("",)) -> Iterator[Requirement]:
    """Requirements whose markers hold, for the extras that were asked for."""
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in asked):
            yield requirement


def packages(extras: Iterable[str]) -> set[str]:
    """Names of all packages that extras need, by the metadata of those installed here."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = list(needed(lines))
    while waiting:
        requirement = waiting.pop()
        package = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if requirement.name == "likeness":
            for extra in requirement.extras:
                waiting += needed(project["optional-dependencies"][extra])
        elif package not in found:
            found.add(package)
            requires = distribution(requirement.name).requires or ()
            waiting += needed(requires, requirement.extras or ("",))
    return {name for name, _ in found}


def locked(file: str) -> dict[str, str]:
    """Versions in a lock, by package."""
    text = Path(file).read_text()
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def image_bytes(names: Iterable[str]) -> int:
    """Bytes of packages' files, but of what is compiled from Python or not in the image."""
    gone = set(unused(Path(str(distribution("ray").locate_file("")))))
    return sum(
        path.stat().st_size
        for name in names
        for path in (Path(str(each.locate())) for each in distribution(name).files or ())
        if path.suffix != ".pyc" and gone.isdisjoint((path, *path.parents)) and path.exists()
    )


def test_the_gateway_comes_without_torch_and_is_small() -> None:
    found = packages(GATEWAY)
    assert {"grpcio", "sqlalchemy", "asyncpg", "ray"} <= found
    assert not found & {"torch", "diffusers", "transformers", "onnxruntime", "openvino"}
    assert image_bytes(found) < LIMIT


def test_the_gateways_lock_is_what_it_needs_with_hashes() -> None:
    versions, here = locked("deploy/docker/gateway.lock"), locked("requirements.lock")
    needed = {name: here[name] for name in packages(GATEWAY)}
    assert needed.items() <= versions.items(), "make lock-images"
    text = Path("deploy/docker/gateway.lock").read_text()
    for entry in text.split("\n    --hash")[0:1] + re.split(r"\n(?=\w)", text)[1:]:
        assert "--hash=sha256:" in entry or entry.startswith("#")
    for recipe in ("gateway", "trainer"):
        words = Path(f"deploy/docker/{recipe}.Dockerfile").read_text().split()
        at = words.index("--require-hashes")
        assert "deploy/docker/gateway.lock" in words[at : at + 4]


def test_the_bill_of_materials_names_what_the_lock_has(tmp_path: Path) -> None:
    recipe = subprocess.run(
        ["make", "--dry-run", "sbom"], capture_output=True, text=True, check=True
    ).stdout
    (line,) = (each for each in recipe.splitlines() if "gateway.json" in each)
    command, *options = line.replace("out/sbom", str(tmp_path)).split()
    program = Path(sys.executable).parent / command
    subprocess.run([program, *options, "--no-validate"], capture_output=True, check=True)
    bill = json.loads((tmp_path / "gateway.json").read_text())
    assert bill["metadata"]["component"]["name"] == "likeness"
    found = {canonicalize_name(each["name"]): each["version"] for each in bill["components"]}
    assert found == locked("deploy/docker/gateway.lock")
    for each in bill["components"]:
        assert each["externalReferences"][0]["hashes"], each["name"]


@pytest.mark.skipif(not shutil.which("strip"), reason="binutils are not installed")
def test_what_is_slimmed_still_works(tmp_path: Path) -> None:
    (tmp_path / "ray" / "jars").mkdir(parents=True)
    (tmp_path / "package" / "tests").mkdir(parents=True)
    (tmp_path / "package" / "module.py").write_text("")
    (module,) = Path(str(distribution("asyncpg").locate_file(""))).glob(
        "asyncpg/protocol/protocol.*.so"
    )
    small = shutil.copy(module, tmp_path / "package")
    slim(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"package/module.py", f"package/{module.name}"}
    assert not (tmp_path / "ray" / "jars").exists()
    assert Path(small).stat().st_size < module.stat().st_size / 2
    ctypes.CDLL(str(small))


def test_the_trainer_has_what_a_worker_imports() -> None:
    found = re.search(r"'\.\[(.+?)\]'", Path("deploy/docker/trainer.Dockerfile").read_text())
    assert found
    assert set(found[1].split(",")) == {*GATEWAY, "basemodel"}
