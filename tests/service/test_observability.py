"""Metrics, their page, health and reflection."""

import re
from collections.abc import Callable
from pathlib import Path

from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from service.metrics import Metrics
from tests.service.gateway import Gateway, scripted

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_describes_every_metric_with_its_labels() -> None:
    ours, _, _triton = PAGE.read_text().partition("\n## ")
    described = {
        match[1]: tuple(re.findall(r"`(\w+)`", match[2]))
        for match in re.finditer(r"^\| `(\w+)` \| \w+ \| (.*?) \|", ours, re.MULTILINE)
    }
    registry = Metrics().registry
    offered = {
        name: tuple(getattr(collector, "_labelnames", ()))
        for collector, names in registry._collector_to_names.items()
        for name in names
        if not name.endswith(("_created", "_bucket", "_count", "_sum"))
        and not name.startswith("process_")
        and (name.endswith("_total") or name + "_total" not in names)
        and (name.endswith("_info") or name + "_info" not in names)
    }
    assert described == offered


async def test_metrics_count_what_happened(
    start_gateway: Callable[..., Gateway], photo: bytes
) -> None:
    gateway = start_gateway(**scripted("crash", "succeed", "stall"))
    async with gateway.stubs() as stubs:
        await stubs.finished(await stubs.train(photo))
    metrics = gateway.metrics()
    for line in (
        'likeness_trainings_total{outcome="succeeded"} 1.0',
        'likeness_training_attempts_total{outcome="failed"} 1.0',
        'likeness_training_attempts_total{outcome="succeeded"} 1.0',
        "likeness_training_steps_total 3.0",
        'likeness_training_seconds_count{outcome="succeeded"} 1.0',
        "likeness_training_queue_depth 0.0",
        "likeness_store_up 1.0",
        "likeness_triton_up 0.0",
        'grpc_server_handled_total{grpc_code="OK",grpc_method="TrainIdentity",'
        'grpc_service="likeness.v1.IdentityService"} 1.0',
    ):
        assert line in metrics, line
    assert "likeness_build_info{" in metrics


async def test_a_service_is_known_or_not_and_watched(gateway: Gateway) -> None:
    request = health_pb2.HealthCheckRequest
    async with gateway.stubs() as stubs:
        assert await stubs.serving("")
        watching = aiter(stubs.health.Watch(request(service="likeness.v1.GenerationService")))
        assert (await anext(watching)).status == health_pb2.HealthCheckResponse.NOT_SERVING
        unknown = await anext(aiter(stubs.health.Watch(request(service="nothing"))))
        assert unknown.status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


async def test_a_store_that_takes_no_writes_is_not_healthy(
    start_gateway: Callable[..., Gateway],
) -> None:
    gateway = start_gateway()
    gateway.break_table("heartbeats")
    async with gateway.stubs() as stubs:
        assert not await stubs.serving("")
        assert not await stubs.serving("likeness.v1.IdentityService")


async def test_services_are_listed_by_reflection(gateway: Gateway) -> None:
    async with gateway.stubs() as stubs:
        reflection = reflection_pb2_grpc.ServerReflectionStub(stubs.channel)
        asked: list[Message] = [reflection_pb2.ServerReflectionRequest(list_services="")]
        answer = await anext(aiter(reflection.ServerReflectionInfo(iter(asked))))
    listed = {service.name for service in answer.list_services_response.service}
    assert {
        "likeness.v1.IdentityService",
        "likeness.v1.GenerationService",
        "google.longrunning.Operations",
        "grpc.health.v1.Health",
    } <= listed
