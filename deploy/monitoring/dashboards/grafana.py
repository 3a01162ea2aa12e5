"""A :class:`Board` as the JSON that Grafana is provisioned with."""

import json

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef

from deploy.monitoring.dashboards.panel import Board, Panel

SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
WIDTH, HEIGHT = 24, 8
"""Grafana's grid is 24 wide."""


def to_json(board: Board) -> str:
    """The dashboard, its data source a choice of whoever looks at it."""
    choice = dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus")
    made = (
        dashboard.Dashboard(board.title)
        .uid(f"likeness-{board.name}")
        .description(board.text)
        .tags(["likeness"])
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(choice)
        .link(
            dashboard.DashboardLink("Likeness")
            .tags(["likeness"])
            .as_dropdown(True)
            .keep_time(True)
            .include_vars(True)
        )
    )
    for title, panels in board.rows.items():
        made.with_row(dashboard.Row(title))
        for panel in panels:
            made.with_panel(_panel(panel, len(panels)))
    return json.dumps(made.build(), cls=JSONEncoder, sort_keys=True, indent=1) + "\n"


def _panel(panel: Panel, beside: int) -> stat.Panel | timeseries.Panel:
    made: stat.Panel | timeseries.Panel
    if panel.single:
        made = stat.Panel().height(HEIGHT // 2)
    else:
        tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI)
        shown = common.VizLegendOptions().show_legend(True)
        made = timeseries.Panel().height(HEIGHT).fill_opacity(8).tooltip(tooltip).legend(shown)
    per_row = min(beside, 6 if panel.single else 4 if beside % 4 == 0 else 3)
    made.title(panel.title).description(panel.text).unit(panel.unit).datasource(SOURCE)
    made.span(WIDTH // per_row)
    for number, (legend, expression) in enumerate(panel.queries.items()):
        made.with_target(
            prometheus.Dataquery()
            .ref_id(chr(ord("A") + number))
            .expr(expression)
            .legend_format(legend)
            .datasource(SOURCE)
        )
    return made
