"""``python -m deploy.monitoring.metrics_page``: writes docs/metrics.md from the code."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sampler.metrics import FAMILIES
from service.metrics import Metrics

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"

GATEWAY = """# Metrics

`python -m deploy.monitoring.metrics_page` writes this page from the code.

The gateway serves Prometheus metrics over HTTP at `/metrics` on `LIKENESS_METRICS_LISTEN`
(`127.0.0.1:9464`), in Prometheus's text format or, for scrapers that ask for it, OpenMetrics. Times
are in seconds. Labels come from closed sets (methods, status codes, outcomes, states) or are a
tenant's id, which an administrator gave: no metric tells what a caller wrote, named or showed.
Histograms of times name traces as exemplars while [tracing](tracing.md) is on.

Trainers, wherever they run, tell the leading gateway what they do. A gateway of several processes
(`LIKENESS_PROCESSES`) answers with their sum: what a process that died had counted stays, its
gauges go with it, and `up` gauges are 1 only if all processes say so. Its histograms name no
traces.

"""
PROCESS = """
Besides these there are the usual `process_*` metrics: memory, CPU time, file descriptors, start
time.

## The sampler's, on Triton's page

The denoising loop runs inside Triton and shows its metrics there (`127.0.0.1:8002/metrics` in the
local stack), beside Triton's own `nv_*`, which count its models' calls: `nv_inference_count`,
`nv_inference_request_duration_us`, `nv_inference_queue_duration_us`,
`nv_inference_compute_infer_duration_us`, `nv_inference_request_failure`, and on a GPU
`nv_gpu_utilization` and `nv_gpu_memory_used_bytes`.

"""
HEAD = "| name | type | labels | what it says |\n|---|---|---|---|\n"


@dataclass(frozen=True)
class Row:
    """A metric as the page shows it; a counter's ``name`` ends in ``_total``."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


def gateway_rows() -> Iterator[Row]:
    """The gateway's own metrics, in the code's order."""
    registry = Metrics().registry
    seen = set()
    for collector in registry._collector_to_names:
        for family in collector.describe() if hasattr(collector, "describe") else ():
            labels = tuple(getattr(collector, "_labelnames", ()))
            suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
            if family.name not in seen and not family.name.startswith("process_"):
                seen.add(family.name)
                yield Row(family.name + suffix, family.type, labels, family.documentation)


def sampler_rows() -> Iterator[Row]:
    """The sampler's metrics, in the code's order."""
    for each in FAMILIES:
        labels = (each.label,) if each.label else ()
        yield Row(f"likeness_sampler_{each.name}", each.kind, labels, each.description)


def page() -> str:
    """docs/metrics.md."""
    return GATEWAY + _table(gateway_rows()) + PROCESS + _table(sampler_rows())


def _table(rows: Iterable[Row]) -> str:
    lines = (
        f"| `{row.name}` | {row.kind} | {' '.join(f'`{each}`' for each in row.labels)} "
        f"| {row.text} |\n"
        for row in rows
    )
    return HEAD + "".join(lines).replace("|  |", "| |")


if __name__ == "__main__":
    PAGE.write_text(page())
