"""The export's Job: its arguments are the command's, and another export is another bundle."""

import json
from collections.abc import Sequence

import pytest
from typer.testing import CliRunner

import export.__main__ as command
from tests.k8s.conftest import Manifest, containers, environment, pods, render


def job(manifests: Sequence[Manifest]) -> tuple[str, Manifest]:
    ((name, pod),) = (
        (n, p) for n, p in pods(manifests).items() if n.startswith("Job/test-export-")
    )
    return name, containers(pod)["export"]


def test_likeness_export_takes_the_arguments(profile: Sequence[Manifest]) -> None:
    """Asked for its help after them, it reads them all and refuses none."""
    arguments = job(profile)[1]["args"]
    result = CliRunner().invoke(command.app, [*arguments, "--no-such-option"])
    assert "No such option: --no-such-option" in result.output
    assert CliRunner().invoke(command.app, [*arguments, "--help"]).exit_code == 0


def test_another_export_is_another_job_and_bundle() -> None:
    settings = [
        (),
        ('export.args=["--max-rows=8"]',),
        ('baseModel="/models/sd15"',),
        ('export.target="onnxruntime"',),
        ('images.export.tag="0.2.0"',),
    ]
    jobs = [job(render("values", *each)) for each in settings]
    assert len({name for name, _ in jobs}) == len(settings)
    bundles = {arg for _, each in jobs for arg in each["args"] if arg.startswith("--out=")}
    assert len(bundles) == len(settings)


@pytest.mark.parametrize(("component", "same_job"), [("triton", True), ("export", False)])
def test_more_memory_is_the_same_bundle(component: str, same_job: bool) -> None:
    """But the export's own is another Job, since a Job can't be changed."""
    resources = json.dumps({"requests": {"cpu": "8"}, "limits": {"memory": "64Gi"}})
    name, container = job(render("values", f"{component}.resources={resources}"))
    assert container["args"] == job(render())[1]["args"]
    assert (name == job(render())[0]) is same_job


@pytest.mark.parametrize(("name", "token"), [("values", False), ("values-production", True)])
def test_the_hub_is_asked_with_the_secret(name: str, token: bool) -> None:
    variables = environment(job(render(name))[1])
    assert ("HF_TOKEN" in variables) is token
    assert variables["HF_HOME"].startswith("/models/")
