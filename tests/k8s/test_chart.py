"""The chart as a whole: Helm takes it, and its values are described."""

import json
import runpy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.k8s.conftest import CHART, PROFILES, Manifest, helm, render, values_files

FREE_MAPS = {
    *("annotations", "dashboardLabels", "environment", "labels", "limits", "nodeSelector"),
    *("requests", "tenants"),
}


@pytest.mark.parametrize("name", PROFILES)
def test_helm_finds_no_fault(name: str) -> None:
    done = helm("lint", "--strict", str(CHART), *values_files(name))
    assert done.returncode == 0, done.stdout + done.stderr


def test_names_are_unique_and_labelled(profile: Sequence[Manifest]) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in profile]
    assert len(names) == len(set(names))
    for each in profile:
        assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == "test"


def test_templates_are_short_and_each_has_its_tests() -> None:
    for file in (CHART / "templates").iterdir():
        assert len(file.read_text().splitlines()) < 150, file
        if file.suffix == ".yaml":
            assert Path(f"tests/k8s/test_{file.stem.replace('-', '_')}.py").exists(), file


def _paths(values: Any, schema: Any, root: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Where values and schema differ in their keys."""
    if "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rpartition("/")[2]]
    if not isinstance(values, dict) or path.rpartition(".")[2] in FREE_MAPS:
        return
    known = schema.get("properties", {})
    for key in known.keys() ^ values.keys():
        yield path, key
    if schema.get("additionalProperties") is not False:
        yield path, "takes unknown keys"
    for key in known.keys() & values.keys():
        yield from _paths(values[key], known[key], root, f"{path}.{key}")


def test_the_schema_knows_every_value_and_no_other() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert list(_paths(values, schema, schema)) == []


def _leaves(values: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(values, dict) and values and path[-1:] != ("resources",):
        for key, value in values.items():
            yield from _leaves(value, (*path, key))
    else:
        yield path


def test_every_value_is_documented() -> None:
    text = (CHART / "values.yaml").read_text()
    document = runpy.run_path("k8s/document.py")
    told = {value.path for value in document["documented"](text.splitlines()) if value.text}
    for leaf in _leaves(yaml.safe_load(text)):
        assert any(leaf[: len(path)] == path for path in told), leaf


def test_the_readme_is_of_these_values() -> None:
    assert (CHART / "README.md").read_text() == runpy.run_path("k8s/document.py")["readme"]()


def test_no_secret_is_in_the_chart() -> None:
    for name in PROFILES:
        assert not any(each["kind"] == "Secret" for each in render(name))
