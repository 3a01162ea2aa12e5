"""The chart as a whole: Helm takes it, Kubernetes would, and its values are described."""

import json
import runpy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.k8s.conftest import CHART, PROFILES, Manifest, helm, render

KUBERNETES = ("1.30", "1.34", "1.37")
OF_OPERATORS = {"ray.io/v1", "monitoring.coreos.com/v1"}
FREE_MAPS = {
    *("annotations", "dashboardLabels", "environment", "labels", "limits", "nodeSelector"),
    *("requests", "tenants"),
}


@pytest.mark.parametrize("name", PROFILES)
def test_helm_finds_no_fault(name: str) -> None:
    done = helm("lint", "--strict", str(CHART), "--values", str(CHART / f"{name}.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_field(profile: Sequence[Manifest], version: str) -> None:
    own = [each for each in profile if each["apiVersion"] not in OF_OPERATORS]
    assert own
    for each in own:
        kubernetes_validate.validate(each, version, strict=True)


def test_names_are_unique_and_labelled(profile: Sequence[Manifest]) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in profile]
    assert len(names) == len(set(names))
    for each in profile:
        assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == "test"


def test_templates_are_short() -> None:
    for file in (CHART / "templates").iterdir():
        assert len(file.read_text().splitlines()) < 150, file


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


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["gateway.replicas=2"], "needs database.secretName and blobs.url"),
        (["gateway.autoscaling.enabled=true"], "needs database.secretName and blobs.url"),
        (["gateway.replicas=2", 'blobs.url="s3://b"'], "needs database.secretName and blobs.url"),
        (['training.backend="ray"'], "needs database.secretName and blobs.url"),
        (['images.gateway.tag="latest"'], "tag"),
        (['export.target="cuda"'], "target"),
        (['gateway.environment={"PATH": "/"}'], "PATH"),
        (['triton.resources={"requests": {}, "limits": null}'], "limits"),
        (['databse.secretName="x"'], "databse"),
    ],
)
def test_values_that_can_not_work_are_refused(
    refused: Callable[..., str], settings: list[str], message: str
) -> None:
    assert message in refused(*settings)


def test_extra_objects_are_templates() -> None:
    extra = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "{{ .Release.Name }}-extra", "labels": {}},
    }
    names = [
        each["metadata"]["name"] for each in render("values", f"extraObjects={json.dumps([extra])}")
    ]
    assert "test-extra" in names


def test_an_upgrade_changes_nothing_immutable() -> None:
    """Other resources, models and sizes: selectors stay, and another export is another Job."""
    before = render("values-production")
    after = render(
        "values-production",
        'export.args=["--max-rows=8"]',
        'export.resources={"requests": {"cpu": "8"}, "limits": {"memory": "64Gi"}}',
        "training.workers=2",
    )

    def fixed(manifests: Sequence[Manifest]) -> dict[tuple[str, str], Any]:
        return {
            (each["kind"], each["metadata"]["name"]): each["spec"].get("selector")
            if each["kind"] == "Deployment"
            else each["spec"]
            for each in manifests
            if each["kind"] in ("Deployment", "Job", "PersistentVolumeClaim")
        }

    old, new = fixed(before), fixed(after)
    common = old.keys() & new.keys()
    assert {kind for kind, _ in old.keys() - common} == {"Job"}
    for key in common:
        assert old[key] == new[key], key


def test_no_secret_is_in_the_chart() -> None:
    for name in PROFILES:
        assert not any(each["kind"] == "Secret" for each in render(name))
