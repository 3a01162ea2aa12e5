"""PostgreSQL has a version's tables before anything of that version starts."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.admin.cli import app
from tests.k8s.conftest import Manifest, containers, environment, of_kind, pods, render
from tests.k8s.test_networkpolicies import chosen

NAME = "test-migration"


def hook(kind: str) -> Manifest:
    return of_kind(render("values-production"), kind, NAME)


def test_sqlite_is_left_to_the_gateway_that_uses_it() -> None:
    assert NAME not in {each["metadata"]["name"] for each in render("values-cpu-demo")}


@pytest.mark.parametrize("kind", ["Job", "NetworkPolicy"])
def test_it_comes_before_all_else_and_leaves_nothing_behind(kind: str) -> None:
    annotations = hook(kind)["metadata"]["annotations"]
    assert annotations["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert "hook-succeeded" in annotations["helm.sh/hook-delete-policy"]
    assert "before-hook-creation" in annotations["helm.sh/hook-delete-policy"]


def test_its_network_is_there_first_and_reaches_the_database() -> None:
    policy = hook("NetworkPolicy")
    assert int(policy["metadata"]["annotations"]["helm.sh/hook-weight"]) < 0
    assert chosen(policy["spec"]["podSelector"], "migration")
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    assert {53, 5432} <= ports
    assert "ingress" not in policy["spec"]


def test_it_uses_nothing_that_the_release_has_yet_to_make() -> None:
    pod = pods(render("values-production"))[f"Job/{NAME}"]
    assert "serviceAccountName" not in pod
    assert [each.keys() - {"name"} for each in pod["volumes"]] == [{"emptyDir"}]


def test_the_command_migrates_the_database_of_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = containers(pods(render("values-production"))[f"Job/{NAME}"])["migration"]
    variables = environment(container)
    secret = variables.pop("LIKENESS_DATABASE__URL")["secretKeyRef"]
    assert (secret["name"], secret["key"]) == ("likeness-database", "url")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LIKENESS_DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path}/likeness.db")
    program, *arguments = container["command"]
    assert program == "likeness-admin"
    newest = max(Path("service/store/migrations/versions").glob("0*.py")).stem
    for _ in range(2):  # a second time there is nothing to do
        done = CliRunner().invoke(app, arguments)
        assert (done.exit_code, done.output.split()[-1]) == (0, newest.partition("_")[0])


def test_it_is_the_gateways_version() -> None:
    made = pods(render("values-production"))
    gateway = containers(made["Deployment/test"])["gateway"]
    assert containers(made[f"Job/{NAME}"])["migration"]["image"] == gateway["image"]
