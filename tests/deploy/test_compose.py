"""The files for `docker compose`. Not run here: that takes a Docker engine.

`compose-spec.json` is the schema of compose-spec/compose-spec (Apache License 2.0) of June 2026,
without its prose.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

import export.__main__ as command
from service.settings import Settings, is_loopback
from tests.k8s.conftest import setting_of

BASE, GPU = Path("deploy/compose.yaml"), Path("deploy/compose.gpu.yaml")
SCHEMA = jsonschema.Draft7Validator(json.loads(Path("tests/deploy/compose-spec.json").read_text()))


def load(file: Path) -> dict[str, Any]:
    """A file as Compose reads it, where nothing is set in its environment."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", file.read_text())
    return dict(yaml.safe_load(text))


SERVICES = load(BASE)["services"]
ON_GPU = {name: {**each, **load(GPU)["services"].get(name, {})} for name, each in SERVICES.items()}
MACHINES = pytest.mark.parametrize("services", [SERVICES, ON_GPU], ids=["cpu", "gpu"])


@pytest.mark.parametrize("file", [BASE, GPU], ids=lambda file: file.name)
def test_compose_knows_every_field(file: Path) -> None:
    SCHEMA.validate(load(file))


def test_a_field_that_does_not_exist_is_found() -> None:
    broken = load(BASE)
    broken["services"]["gateway"]["helthcheck"] = {}
    with pytest.raises(jsonschema.ValidationError, match="helthcheck"):
        SCHEMA.validate(broken)


def test_the_gpus_file_only_changes_services_that_are_there() -> None:
    assert load(GPU)["services"].keys() <= SERVICES.keys()


def test_the_gateway_takes_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {k: v for k, v in SERVICES["gateway"]["environment"].items() if "LIKENESS_" in k}
    for name, value in variables.items():
        monkeypatch.setitem(os.environ, name, value)
    settings = Settings()
    for name in variables:
        assert setting_of(settings, name) is not None
    assert is_loopback(settings.listen)
    assert settings.triton.url == "127.0.0.1:8001"
    stop = SERVICES["gateway"]["stop_grace_period"]
    assert int(stop.removesuffix("s")) > settings.drain_seconds


@MACHINES
def test_likeness_export_takes_the_arguments(services: dict[str, Any]) -> None:
    program, *arguments = services["export"]["command"]
    assert program == "likeness-export"
    result = CliRunner().invoke(command.app, [*arguments, "--no-such-option"])
    assert "No such option: --no-such-option" in result.output
    assert CliRunner().invoke(command.app, [*arguments, "--help"]).exit_code == 0


@MACHINES
def test_all_speak_of_one_bundle_and_base_model(services: dict[str, Any]) -> None:
    gateway, arguments = services["gateway"]["environment"], services["export"]["command"]
    assert f"--out={gateway['LIKENESS_BUNDLE']}" in arguments
    assert f"--checkpoint={gateway['LIKENESS_BASE_MODEL']}" in arguments
    assert (
        f"--model-repository={gateway['LIKENESS_BUNDLE']}/models" in services["triton"]["command"]
    )


def test_triton_loads_all_that_the_bundle_holds_and_hears_this_machine_only() -> None:
    arguments = set(SERVICES["triton"]["command"])
    assert "--load-model=*" in arguments
    assert "--model-control-mode=explicit" in arguments  # for the watchdog
    assert {f"--{what}-address=127.0.0.1" for what in ("http", "grpc", "metrics")} <= arguments


@pytest.mark.parametrize("name", SERVICES)
def test_processes_are_restricted(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "10001:10001"  # the images' own
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "ports", "cap_add"} & service.keys()
    repository, _, tag = service["image"].partition(":")
    assert tag not in ("", "latest")
    recipe = Path(service["build"]["dockerfile"]).read_text()
    assert f"-t {repository}:{tag}" in recipe
    for volume in service.get("volumes", ()):
        if not volume.endswith(":ro"):  # a new volume has the owner of the image's folder
            assert f"/{volume.partition(':/')[2]}" in recipe.partition("install --directory")[2]


def test_what_serves_is_asked_whether_it_does() -> None:
    serving = {name for name, each in SERVICES.items() if "healthcheck" in each}
    assert serving == {"triton", "gateway"}
    assert all(SERVICES[name]["restart"] == "unless-stopped" for name in serving)
    waits = {name: each.get("depends_on", {}) for name, each in SERVICES.items()}
    assert waits["triton"]["export"]["condition"] == "service_completed_successfully"
    assert waits["gateway"]["triton"]["condition"] == "service_healthy"
