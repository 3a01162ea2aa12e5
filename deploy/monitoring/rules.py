"""``python -m deploy.monitoring.rules``: writes Prometheus's rules from the code, into the chart.

The file is one that Prometheus reads as it is. The chart's PrometheusRule holds the same groups,
with the release's labels in place of the jobs' names.
"""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from deploy.monitoring import alerts, objectives
from deploy.monitoring.alerts import Alert, Record

FILE = Path(__file__).parents[2] / "k8s" / "likeness" / "files" / "rules.yaml"
RUNBOOKS = "docs/runbooks"
HEAD = "# Written by python -m deploy.monitoring.rules\n"


def document(pace: float = 1.0) -> str:
    """The rules, as YAML.

    Args:
        pace: how long alerts wait before they fire, as a factor; a test has less time.
    """
    groups = {
        "likeness-objectives": map(_record, objectives.records()),
        "likeness-budgets": _alerts(objectives.alerts(), pace),
        "likeness": _alerts(alerts.alerts(), pace),
    }
    written = [{"name": name, "rules": list(rules)} for name, rules in groups.items()]
    return f"{HEAD}{yaml.safe_dump({'groups': written}, sort_keys=False, width=100)}"


def every_alert() -> list[Alert]:
    """All alerts."""
    return list(chain(objectives.alerts(), alerts.alerts()))


def _record(record: Record) -> dict[str, Any]:
    return {"record": record.name, "expr": record.expression}


def _alerts(rules: Iterable[Alert], pace: float) -> Iterable[dict[str, Any]]:
    for each in rules:
        hold = {"for": f"{each.hold_seconds * pace:g}s"} if each.hold_seconds else {}
        yield {
            "alert": each.name,
            "expr": each.expression,
            **hold,
            "labels": {"severity": each.severity},
            "annotations": {
                "summary": each.summary,
                "runbook_url": f"{RUNBOOKS}/{each.runbook}.md",
            },
        }


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(document())
