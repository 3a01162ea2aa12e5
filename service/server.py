"""The gRPC server: which services it offers, and its limits."""

from dataclasses import dataclass

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from likeness.v1 import (
    generation_service_pb2,
    generation_service_pb2_grpc,
    identity_service_pb2,
    identity_service_pb2_grpc,
    provenance_service_pb2,
    provenance_service_pb2_grpc,
)
from service.audit import AuditLog
from service.auth import Authenticator
from service.deadlines import DeadlineInterceptor
from service.generation import GenerationService
from service.health import HealthService
from service.identities import IdentityService
from service.interceptors import RpcInterceptor
from service.metrics import Metrics
from service.operations import OperationsService
from service.provenance import ProvenanceService
from service.quotas import Quotas
from service.rules import RulesInterceptor
from service.settings import CallSettings


@dataclass(frozen=True)
class Services:
    """What the server offers."""

    identities: IdentityService
    generation: GenerationService
    operations: OperationsService
    health: HealthService
    provenance: ProvenanceService


def make_server(
    services: Services,
    authenticator: Authenticator,
    quotas: Quotas,
    audit: AuditLog,
    metrics: Metrics,
    calls: CallSettings,
    shares_port: bool,
) -> grpc.aio.Server:
    """The server, with reflection, listening nowhere yet.

    Args:
        shares_port: whether other processes of this gateway listen on the same port.
    """
    rules = RulesInterceptor({**services.identities.further, **services.generation.further})
    outer = RpcInterceptor(authenticator, quotas, audit, metrics, calls.default_seconds)
    server = grpc.aio.server(
        interceptors=[outer, DeadlineInterceptor(calls.default_seconds), rules],
        options=_options(calls, shares_port),
        maximum_concurrent_rpcs=calls.concurrent,
    )
    identity_service_pb2_grpc.add_IdentityServiceServicer_to_server(services.identities, server)
    generation_service_pb2_grpc.add_GenerationServiceServicer_to_server(services.generation, server)
    provenance_service_pb2_grpc.add_ProvenanceServiceServicer_to_server(services.provenance, server)
    operations_pb2_grpc.add_OperationsServicer_to_server(services.operations, server)
    health_pb2_grpc.add_HealthServicer_to_server(services.health, server)
    files = (
        identity_service_pb2,
        generation_service_pb2,
        provenance_service_pb2,
        operations_pb2,
        health_pb2,
    )
    names = [
        service.full_name for file in files for service in file.DESCRIPTOR.services_by_name.values()
    ]
    reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)
    return server


def _options(calls: CallSettings, shares_port: bool) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", calls.max_request_bytes),
        ("grpc.max_send_message_length", calls.max_response_bytes),
        ("grpc.max_concurrent_streams", calls.concurrent_per_connection),
        ("grpc.keepalive_time_ms", round(calls.keepalive_seconds * 1000)),
        ("grpc.keepalive_timeout_ms", round(calls.keepalive_timeout_seconds * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", round(calls.min_ping_seconds * 1000)),
        ("grpc.so_reuseport", int(shares_port)),  # a second gateway on the port is a mistake
    ]
