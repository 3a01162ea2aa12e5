"""How rules and dashboards choose series; the chart puts a release's own labels in their place."""

GATEWAY = "job='likeness-gateway'"
TRITON = "job='likeness-triton'"
"""The quotes are those that JSON need not escape, so that the chart finds them there too."""
GROUP = "job, namespace"
"""What recorded series are told apart by: releases, where several share a Prometheus."""

OUR_FAULT = "DATA_LOSS|INTERNAL|UNAVAILABLE|UNKNOWN"
"""Status codes of calls that failed on our side."""
