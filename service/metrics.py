"""Prometheus metrics of the gateway. docs/metrics.md describes each; a test compares both.

Labels come from closed sets: methods, codes, outcomes. Nothing a caller wrote is ever a label.
"""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    start_http_server,
)

RPC_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
GENERATION_SECONDS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 30, 60, 120, 300)
TRAINING_SECONDS = (1, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 3600)


@dataclass
class Metrics:
    """All metrics, in a registry of their own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        registry = self.registry
        ProcessCollector(registry=registry)
        Info("likeness_build", "Versions.", registry=registry).info(
            {"version": version("likeness"), "python": platform.python_version()}
        )
        self.rpc_handled = Counter(
            "grpc_server_handled",
            "RPCs that ended, by gRPC status code.",
            ("grpc_service", "grpc_method", "grpc_code"),
            registry=registry,
        )
        self.rpc_seconds = Histogram(
            "grpc_server_handling_seconds",
            "Time from the start of an RPC to its end.",
            ("grpc_service", "grpc_method"),
            buckets=RPC_SECONDS,
            registry=registry,
        )
        self.rpc_in_flight = Gauge(
            "likeness_rpc_in_flight",
            "RPCs under way.",
            ("grpc_service", "grpc_method"),
            registry=registry,
        )
        self.queue_depth = Gauge(
            "likeness_training_queue_depth", "Trainings that wait for a worker.", registry=registry
        )
        self._oldest: int | None = None
        Gauge(
            "likeness_training_queue_oldest_seconds",
            "Age of the oldest training that waits; 0 if none does.",
            registry=registry,
        ).set_function(self._oldest_seconds)
        self.leading = Gauge(
            "likeness_leading", "1 if this gateway is the one that dispatches.", registry=registry
        )
        self.trainings_running = Gauge(
            "likeness_trainings_running", "Trainings that run.", registry=registry
        )
        self.trainings = Counter(
            "likeness_trainings", "Trainings that ended.", ("outcome",), registry=registry
        )
        self.training_seconds = Histogram(
            "likeness_training_seconds",
            "Time from the request of a training to its end, waiting included.",
            ("outcome",),
            buckets=TRAINING_SECONDS,
            registry=registry,
        )
        self.training_attempts = Counter(
            "likeness_training_attempts",
            "Attempts to run a training.",
            ("outcome",),
            registry=registry,
        )
        self.training_steps = Counter(
            "likeness_training_steps", "Optimisation steps done.", registry=registry
        )
        self.generation_seconds = Histogram(
            "likeness_generation_seconds",
            "Time to draw a request's pictures, from its acceptance to the last picture's PNG.",
            ("outcome",),
            buckets=GENERATION_SECONDS,
            registry=registry,
        )
        self.generations_in_flight = Gauge(
            "likeness_generations_in_flight", "Requests being drawn.", registry=registry
        )
        self.images = Counter("likeness_images", "Pictures finished.", registry=registry)
        self.generation_retries = Counter(
            "likeness_generation_retries",
            "Drawings begun again after a model had died.",
            registry=registry,
        )
        self.model_reloads = Counter(
            "likeness_model_reloads",
            "Models loaded anew since their process had died.",
            ("model",),
            registry=registry,
        )
        self.identity_cache_requests = Counter(
            "likeness_identity_cache_requests",
            "Artifacts asked of the cache.",
            ("outcome",),
            registry=registry,
        )
        self.identity_cache_bytes = Gauge(
            "likeness_identity_cache_bytes", "Memory of cached artifacts.", registry=registry
        )
        self.triton_up = Gauge(
            "likeness_triton_up", "1 if Triton's models answer.", registry=registry
        )
        self.store_up = Gauge(
            "likeness_store_up", "1 if the database accepts a write.", registry=registry
        )

    def set_queue(self, depth: int, oldest: int | None) -> None:
        """Sets the queue's depth and since when its oldest job waits (microseconds since 1970)."""
        self.queue_depth.set(depth)
        self._oldest = oldest

    def training_ended(self, outcome: str, seconds: float) -> None:
        """Counts a training that ended as ``succeeded``, ``failed`` or ``cancelled``."""
        self.trainings.labels(outcome).inc()
        self.training_seconds.labels(outcome).observe(seconds)

    def serve(self, address: str) -> Callable[[], None]:
        """Serves ``/metrics`` over HTTP until the returned function is called."""
        host, _, port = address.rpartition(":")
        server, thread = start_http_server(int(port), host.strip("[]"), self.registry)

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return stop

    def _oldest_seconds(self) -> float:
        return 0.0 if self._oldest is None else max(0.0, time.time() - self._oldest / 1e6)
