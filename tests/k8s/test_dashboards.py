"""Grafana's dashboards, made from the code, for this release."""

import json

import pytest

from deploy.monitoring.dashboards import BOARDS
from deploy.monitoring.dashboards.grafana import to_json
from deploy.monitoring.dashboards.panel import Board
from tests.k8s.conftest import of_kind, of_this_release, render

PROFILE = "values-production"


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_the_dashboards_are_those_of_the_code_for_this_release(board: Board) -> None:
    config = of_kind(render(PROFILE), "ConfigMap", f"test-dashboard-{board.name}")
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    (text,) = config["data"].values()
    assert json.loads(text) == json.loads(of_this_release(to_json(board)))
