"""Metrics, their page, health and reflection."""

import signal
from collections.abc import Callable
from pathlib import Path

from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from deploy.monitoring.metrics_page import gateway_rows, page
from likeness.v1 import identity_service_pb2 as pb
from service.metrics import MAX_TENANTS, Metrics
from tests.service.gateway import Gateway, scripted

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
BUILD = ("version", "python")


def test_the_page_is_of_this_code() -> None:
    assert PAGE.read_text() == page(), "python -m deploy.monitoring.metrics_page"


async def test_the_page_describes_what_a_gateway_shows(gateway: Gateway, photo: bytes) -> None:
    async with gateway.stubs() as stubs:
        await stubs.finished(await stubs.train(photo))
    described = {row.name: row for row in gateway_rows()}
    shown = {}
    for family in text_string_to_metric_families(gateway.open_metrics()):
        name = family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")
        if not name.startswith("process_"):
            shown[name] = family.type
            for sample in family.samples:
                assert set(sample.labels) - {"le"} <= {*described[name].labels, *BUILD}, sample
    assert shown == {name: row.kind for name, row in described.items()}


def test_a_thousand_tenants_are_two_hundred_labels() -> None:
    metrics = Metrics()
    for number in range(1000):
        metrics.drawn(f"tenant-{number}")
    text = generate_latest(metrics.registry).decode()
    assert text.count("likeness_tenant_images_total{") == MAX_TENANTS + 1
    assert 'likeness_tenant_images_total{tenant="other"} 800.0' in text


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
        'likeness_operations{state="failed"} 0.0',
        "likeness_training_group_size_sum 2.0",
        "likeness_training_queue_seconds_count 1.0",
        'likeness_tenant_requests_total{kind="training",tenant="default"} 1.0',
        "likeness_store_up 1.0",
        "likeness_triton_up 0.0",
        'grpc_server_handled_total{grpc_code="OK",grpc_method="TrainIdentity",'
        'grpc_service="likeness.v1.IdentityService"} 1.0',
    ):
        assert line in metrics, line
    assert "likeness_build_info{" in metrics


async def test_a_running_gateway_tells_more_and_less(
    start_gateway: Callable[..., Gateway], photo: bytes
) -> None:
    gateway = start_gateway(**scripted("succeed"))
    assert gateway.process is not None
    async with gateway.stubs() as stubs:
        for number, told in ((None, 0), (signal.SIGUSR1, 5), (signal.SIGUSR2, 5)):
            if number is not None:
                gateway.process.send_signal(number)
            await stubs.serving()  # by then the signal is taken
            await stubs.finished(await stubs.train(photo))
            assert len(gateway.events("attempt_progress")) == told
    assert len(gateway.events("attempt_ended")) == 3


async def test_logs_bear_the_caller_s_trace(gateway: Gateway) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    async with gateway.stubs() as stubs:
        await stubs.identities.ListIdentities(
            pb.ListIdentitiesRequest(),
            metadata=(("traceparent", f"00-{trace}-b7ad6b7169203331-01"),),
        )
    assert [each["method"] for each in gateway.events("rpc") if each.get("trace_id") == trace] == [
        "likeness.v1.IdentityService/ListIdentities"
    ]


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
