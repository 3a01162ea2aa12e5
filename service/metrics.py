"""Prometheus metrics of the gateway: what each says is written here, docs/metrics.md is made of it.

Labels come from closed sets: methods, codes, outcomes, states. A tenant's id, which only an
administrator gives, stands alone; nothing a caller wrote is ever a label. Trainers tell the gateway
what they do, and the gateway counts it; its processes, if it has several, count together
(`shared_metrics.py`).
"""

import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import product
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from telemetry.exemplars import exemplar

CALL_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
RPC_SECONDS = (*CALL_SECONDS, 30, 60, 300)
GENERATION_SECONDS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 30, 60, 120, 300)
TRAINING_SECONDS = (1, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 3600)
LOSSES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
GROUP_SIZES = (1, 2, 4, 8, 16, 32, 64)

ENDS = ("succeeded", "failed", "cancelled")
RPC = ("grpc_service", "grpc_method")
MAX_TENANTS = 200
"""Tenants that have labels of their own; all further ones share ``other``."""

Together = Literal["livesum", "livemin", "livemostrecent"]
"""What several processes make of a gauge; it goes away with its process."""


@dataclass
class Metrics:
    """All metrics, in a registry of their own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self._tenants: set[str] = set()
        ProcessCollector(registry=self.registry)
        add_build(self.registry)
        self._of_calls()
        self._of_trainings()
        self._of_generation()
        self._of_what_it_stands_on()
        self._of_tenants()
        self._from_the_start()

    def _of_calls(self) -> None:
        self.rpc_handled = self._counter(
            "grpc_server_handled",
            "RPCs that ended, by status code; `rate()` of it by code gives the error rate.",
            *RPC,
            "grpc_code",
        )
        self.rpc_seconds = self._histogram(
            "grpc_server_handling_seconds",
            "Time from the start of an RPC to its end; `WatchTraining` and `WaitOperation` last as "
            "long as their training.",
            RPC_SECONDS,
            *RPC,
            "grpc_code",
        )
        self.rpc_in_flight = self._gauge("likeness_rpc_in_flight", "RPCs under way.", *RPC)

    def _of_trainings(self) -> None:
        self.operations = self._gauge(
            "likeness_operations",
            "Trainings in the database by state: `queued`, `running`, `succeeded`, `failed`, "
            "`cancelled`; every gateway tells the same.",
            "state",
            together="livemostrecent",
        )
        self.queue_depth = self._gauge(
            "likeness_training_queue_depth",
            "Trainings that wait for a worker, looked at every 2 s.",
            together="livemostrecent",
        )
        self.queue_oldest_seconds = self._gauge(
            "likeness_training_queue_oldest_seconds",
            "Age of the oldest training that waits, 0 if none does.",
            together="livemostrecent",
        )
        self.training_drained = self._gauge(
            "likeness_training_drained",
            "1 while `likeness-admin drain` keeps trainings from being started.",
            together="livemostrecent",
        )
        self.leading = self._gauge(
            "likeness_leading",
            "1 if this gateway is the one of its database that dispatches trainings.",
        )
        self.trainings_running = self._gauge(
            "likeness_trainings_running",
            "Trainings that run here; they do on the leading gateway.",
        )
        self.training_workers = self._gauge(
            "likeness_training_workers", "Workers that have at least one training."
        )
        self.trainings = self._counter(
            "likeness_trainings",
            "Trainings that ended: `succeeded`, `failed`, `cancelled`.",
            "outcome",
        )
        self.training_seconds = self._histogram(
            "likeness_training_seconds",
            "Time from the request of a training to its end, waiting included; outcomes as above.",
            TRAINING_SECONDS,
            "outcome",
        )
        self.training_queue_seconds = self._histogram(
            "likeness_training_queue_seconds",
            "Time from the request of a training to its first attempt.",
            TRAINING_SECONDS,
        )
        self.training_attempts = self._counter(
            "likeness_training_attempts",
            "Attempts to run a training: `succeeded`, `failed` (tried again up to the limit), "
            "`refused` (the input is at fault), `stopped` (cancelled, or the gateway shut down).",
            "outcome",
        )
        self.training_group_size = self._histogram(
            "likeness_training_group_size",
            "Trainings that share a worker's batch when one joins, itself included.",
            GROUP_SIZES,
        )
        self.training_steps = self._counter(
            "likeness_training_steps",
            "Optimisation steps done; `rate()` gives steps per second.",
        )
        self.training_loss = self._histogram(
            "likeness_training_loss",
            "Loss (Eq. 6) at each report of progress; `rate()` of sum by count gives its mean.",
            LOSSES,
        )

    def _of_generation(self) -> None:
        self.generation_seconds = self._histogram(
            "likeness_generation_seconds",
            "Time to draw a request's pictures, encoding included: `succeeded`, `failed`, "
            "`cancelled` (by the caller or its deadline); refused requests don't count.",
            GENERATION_SECONDS,
            "outcome",
        )
        self.generation_first_step_seconds = self._histogram(
            "likeness_generation_first_step_seconds",
            "Time until a request's first denoising step is done: queue and text features.",
            GENERATION_SECONDS,
        )
        self.encode_seconds = self._histogram(
            "likeness_generation_encode_seconds",
            "Time to encode a picture for the caller.",
            CALL_SECONDS,
        )
        self.generations_in_flight = self._gauge(
            "likeness_generations_in_flight", "Requests being drawn."
        )
        self.images = self._counter("likeness_images", "Pictures finished.")
        self.images_filtered = self._counter(
            "likeness_images_filtered",
            "Those of them that the base model's safety checker held back.",
        )
        self.generation_retries = self._counter(
            "likeness_generation_retries",
            "Drawings begun again, from the same seeds, after a model had died.",
        )
        self.identity_cache_requests = self._counter(
            "likeness_identity_cache_requests",
            "Artifacts asked of the cache: `hit`, `miss`.",
            "outcome",
        )
        self.identity_cache_bytes = self._gauge(
            "likeness_identity_cache_bytes", "Memory of cached artifacts."
        )

    def _of_what_it_stands_on(self) -> None:
        self.triton_up = self._gauge(
            "likeness_triton_up",
            "1 if all of Triton's models answer heartbeats and the serving bundle is readable.",
            together="livemin",
        )
        self.heartbeat_seconds = self._histogram(
            "likeness_triton_heartbeat_seconds",
            "Time of a heartbeat, which runs every model once; failed ones don't count.",
            CALL_SECONDS,
        )
        self.model_reloads = self._counter(
            "likeness_model_reloads",
            "Models unloaded, to be loaded anew, since their process had died.",
            "model",
        )
        self.store_up = self._gauge(
            "likeness_store_up", "1 if the database accepts a write.", together="livemin"
        )
        self.store_seconds = self._histogram(
            "likeness_store_seconds",
            "Time of a transaction (`read`, `write`), waiting for a connection included, that "
            "ended `ok` or `failed` since the database was away.",
            CALL_SECONDS,
            "operation",
            "outcome",
        )
        self.blob_seconds = self._histogram(
            "likeness_blob_seconds",
            "Time of a call of the blob store (`put`, `get`, `delete`, `list`) that ended `ok` or "
            "`failed`.",
            CALL_SECONDS,
            "operation",
            "outcome",
        )

    def _of_tenants(self) -> None:
        self._tenant_rpcs = self._counter(
            "likeness_tenant_requests",
            "Trainings and drawings asked for and accepted, by the tenant's id; beyond 200 tenants "
            "in a gateway's life all further ones are `other`.",
            "tenant",
            "kind",
        )
        self._tenant_images = self._counter(
            "likeness_tenant_images", "Pictures finished, by tenant as above.", "tenant"
        )

    def _from_the_start(self) -> None:
        """Makes series that are at 0 before they first grow, or nobody would see them grow."""
        for outcomes, metrics in (
            (ENDS, (self.trainings, self.training_seconds, self.generation_seconds)),
            (("succeeded", "failed", "refused", "stopped"), (self.training_attempts,)),
            (("hit", "miss"), (self.identity_cache_requests,)),
        ):
            for metric, outcome in product(metrics, outcomes):
                metric.labels(outcome)
        for labels in product(("read", "write"), ("ok", "failed")):
            self.store_seconds.labels(*labels)
        for labels in product(("put", "get", "delete", "list"), ("ok", "failed")):
            self.blob_seconds.labels(*labels)

    def set_queue(self, states: Mapping[str, int], oldest: int | None, drained: bool) -> None:
        """Sets the trainings by state, since when the oldest waits (microseconds since 1970), and
        whether none is started.
        """
        for state, count in states.items():
            self.operations.labels(state).set(count)
        self.queue_depth.set(states["queued"])
        age = 0.0 if oldest is None else time.time() - oldest / 1e6
        self.queue_oldest_seconds.set(max(0.0, age))
        self.training_drained.set(drained)

    def training_ended(self, outcome: str, seconds: float) -> None:
        """Counts a training that ended as ``succeeded``, ``failed`` or ``cancelled``."""
        self.trainings.labels(outcome).inc()
        self.training_seconds.labels(outcome).observe(seconds, exemplar())

    def asked(self, tenant: str, kind: str) -> None:
        """Counts a tenant's accepted request: ``training`` or ``generation``."""
        self._tenant_rpcs.labels(self._tenant(tenant), kind).inc()

    def drawn(self, tenant: str) -> None:
        """Counts a tenant's finished picture."""
        self.images.inc()
        self._tenant_images.labels(self._tenant(tenant)).inc()

    def _tenant(self, tenant: str) -> str:
        if tenant not in self._tenants and len(self._tenants) >= MAX_TENANTS:
            return "other"
        self._tenants.add(tenant)
        return tenant

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str, together: Together = "livesum") -> Gauge:
        return Gauge(name, text, labels, registry=self.registry, multiprocess_mode=together)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)


@contextmanager
def timed(histogram: Histogram, operation: str, *faults: type[Exception]) -> Iterator[None]:
    """Observes a call by ``operation`` and outcome: ``failed`` if it raises one of ``faults``."""
    began = time.perf_counter()
    outcome = "ok"
    try:
        yield
    except faults:
        outcome = "failed"
        raise
    finally:
        seconds = time.perf_counter() - began
        histogram.labels(operation, outcome).observe(seconds, exemplar())


def add_build(registry: CollectorRegistry) -> None:
    """Which code counts here."""
    Info(
        "likeness_build",
        "Versions of Likeness and Python, as labels of a constant 1.",
        registry=registry,
    ).info({"version": version("likeness"), "python": platform.python_version()})
