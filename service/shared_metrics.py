"""Metrics of a gateway of several processes: they count in files, their parent adds up.

Counters and histograms are sums over all processes that ever were, gauges are of those that run.
Exemplars are not kept.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, values
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from service.metrics import add_build


def count_together(directory: Path, process: int) -> None:
    """From now on, metrics that are made count in a directory.

    The successor of a process goes on where that one's counters stand.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    values.ValueClass = values.MultiProcessValue(lambda: process)  # type: ignore[no-untyped-call]


def shared_registry(directory: Path, pids: Callable[[], list[int]]) -> CollectorRegistry:
    """What processes have counted in a directory, and what those that run use."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]
    registry.register(_ProcessesCollector(pids))
    add_build(registry)
    return registry


class _ProcessesCollector(Collector):
    """``process_*`` of this process and others, added up; the start is the first one's."""

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        self._pids = pids

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        found = defaultdict(list)
        for pid in (os.getpid(), *self._pids()):
            for family in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc]
                families[family.name] = family
                found[family.name].append(family.samples[0].value)
        for name, family in families.items():
            value = min(found[name]) if name.endswith("_start_time_seconds") else sum(found[name])
            family.samples = [family.samples[0]._replace(value=value)]
            yield family
