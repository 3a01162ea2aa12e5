"""``python -m deploy.monitoring.dashboards``: writes the dashboards into the chart."""

from pathlib import Path

from deploy.monitoring.dashboards import BOARDS
from deploy.monitoring.dashboards.grafana import to_json

FOLDER = Path(__file__).parents[3] / "k8s" / "likeness" / "files" / "dashboards"

if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for board in BOARDS:
        (FOLDER / f"{board.name}.json").write_text(to_json(board))
