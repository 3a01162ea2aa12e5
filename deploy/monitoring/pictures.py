"""``python -m deploy.monitoring.pictures``: what the dashboards' queries answer, as pictures.

They are drawn by matplotlib from a real Prometheus's answers, since no Grafana runs where they are
made: the same panels in the same places, not Grafana's looks.
"""

import json
import math
import re
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Annotated, Any

import matplotlib.pyplot as plt
import typer
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, FuncFormatter, PercentFormatter

from deploy.monitoring.dashboards import BOARDS
from deploy.monitoring.dashboards.panel import Board, Panel, Unit

POINTS = 120
COLUMNS = 3
UNITS = {"s": "s", "bytes": "B", "reqps": " req/s", "ops": "/s"}
NOTE = "Drawn by matplotlib from a real Prometheus's answers to these queries, not by Grafana"


def main(
    prometheus: Annotated[str, typer.Option(help="Its HTTP address.")] = "http://127.0.0.1:9090",
    out: Annotated[Path, typer.Option(help="Folder of the pictures.")] = Path("docs/dashboards"),
    minutes: Annotated[float, typer.Option(min=1, help="How far they look back.")] = 15,
) -> None:
    """Draw every dashboard."""
    out.mkdir(parents=True, exist_ok=True)
    for board in BOARDS:
        _draw(board, prometheus, minutes * 60, out / f"{board.name}.png")


def _draw(board: Board, prometheus: str, seconds: float, path: Path) -> None:
    rows = math.ceil(len(board.panels) / COLUMNS)
    figure, axes = plt.subplots(
        rows, COLUMNS, figsize=(15, 2.6 * rows + 0.8), squeeze=False, layout="constrained"
    )
    for place, panel in zip(axes.flat, board.panels, strict=False):
        _panel(place, panel, prometheus, seconds)
    for place in axes.flat[len(board.panels) :]:
        place.axis("off")
    figure.suptitle(f"{board.title}\n", fontsize=14, fontweight="bold")
    figure.text(0.5, 0.995, f"\n\n{NOTE}", ha="center", va="top", fontsize=9, color="grey")
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _panel(place: Axes, panel: Panel, prometheus: str, seconds: float) -> None:
    place.set_title(panel.title, fontsize=10, loc="left")
    place.yaxis.set_major_formatter(_formatter(panel.unit))
    place.tick_params(labelsize=8)
    place.grid(alpha=0.3)
    for legend, expression in panel.queries.items():
        for series in _answer(prometheus, expression, seconds):
            now = float(series["values"][-1][0])
            times = [(float(at) - now) / 60 for at, _ in series["values"]]
            values = [float(value) for _, value in series["values"]]
            place.plot(times, values, linewidth=1.4, label=_named(legend, series["metric"]))
    place.set_ylim(0, 1.4 * place.get_ylim()[1])  # room for the legend
    if any(panel.queries):
        place.legend(fontsize=7, loc="upper left", ncols=3, framealpha=0.6)


def _answer(prometheus: str, expression: str, seconds: float) -> list[Any]:
    end = time.time()
    parameters = {
        "query": expression.replace("$__rate_interval", "1m"),
        "start": end - seconds,
        "end": end,
        "step": seconds / POINTS,
    }
    url = f"{prometheus}/api/v1/query_range?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        result: list[Any] = json.load(answer)["data"]["result"]
    return result


def _named(legend: str, labels: dict[str, str]) -> str:
    """A legend with a series' labels in it."""
    return re.sub(r"\{\{(\w+)\}\}", lambda label: labels.get(label[1], ""), legend) or "all"


def _formatter(unit: Unit) -> EngFormatter | FuncFormatter | PercentFormatter:
    if unit == "percentunit":
        return PercentFormatter(1, decimals=1)
    if unit == "short":
        return FuncFormatter(lambda value, _: f"{value:g}")
    return EngFormatter(unit=UNITS[unit])


if __name__ == "__main__":
    typer.run(main)
