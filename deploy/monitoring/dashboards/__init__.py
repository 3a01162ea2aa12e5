"""Grafana's dashboards, made with its own SDK: ``python -m deploy.monitoring.dashboards``."""

from deploy.monitoring.dashboards import generation, overview, tenants, training, triton

BOARDS = (overview.BOARD, generation.BOARD, training.BOARD, triton.BOARD, tenants.BOARD)
