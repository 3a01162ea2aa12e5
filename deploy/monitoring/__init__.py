"""Metrics' page, alerts and dashboards, all made from code."""
