"""The dashboards' files are of this code, and ask for metrics that exist."""

import json
import re

import promql_parser
import pytest

from deploy.monitoring.dashboards import BOARDS
from deploy.monitoring.dashboards.__main__ import FOLDER
from deploy.monitoring.dashboards.grafana import to_json
from deploy.monitoring.dashboards.panel import Board
from deploy.monitoring.metrics_page import gateway_rows, sampler_rows
from deploy.monitoring.rules import document as rules
from deploy.monitoring.rules import every_alert

HISTOGRAM = ("_bucket", "_sum", "_count")
PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
FOREIGN = re.compile(r"nv_\w+|likeness:[\w:]+|up|ALERTS")
"""Triton's own, recorded ones, Prometheus's own: the end-to-end test asks for them."""


def known() -> set[str]:
    names = PROCESS.copy()
    for row in (*gateway_rows(), *sampler_rows()):
        suffixes = HISTOGRAM if row.kind == "histogram" else ("",)
        names |= {row.name + suffix for suffix in suffixes}
    return names


def metrics_of(expression: str) -> set[str]:
    promql_parser.parse(expression.replace("$__rate_interval", "1m"))
    return set(re.findall(r"\b([a-zA-Z_:][a-zA-Z_:0-9]*)\{", expression))


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_files_are_of_this_code_and_ask_for_what_there_is(board: Board) -> None:
    text = (FOLDER / f"{board.name}.json").read_text()
    assert text == to_json(board), "python -m deploy.monitoring.dashboards"
    panels = [each for each in json.loads(text)["panels"] if each["type"] != "row"]
    assert [each["title"] for each in panels] == [panel.title for panel in board.panels]
    for panel in panels:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        for target in panel["targets"]:
            for name in metrics_of(target["expr"]):
                assert name in known() or FOREIGN.fullmatch(name), (panel["title"], name)


def test_alerts_ask_for_what_there_is() -> None:
    for alert in every_alert():
        names = metrics_of(alert.expression)
        assert names, alert.name
        for name in names:
            assert name in known() or FOREIGN.fullmatch(name), (alert.name, name)
            if name.startswith("likeness:"):
                assert f"record: {name}\n" in rules()
