"""Traces are sent from where they are made, if there is a collector."""

import os

import pytest

from deploy.triton import tracing_options
from telemetry.tracing import ENDPOINT
from tests.k8s.conftest import containers, environment, of_kind, pods, render

COLLECTOR = "http://collector.observability:4318"
TRACED = ("values-production", f'tracing.endpoint="{COLLECTOR}"', "tracing.share=0.2")


def test_no_collector_no_traces() -> None:
    for pod in pods(render("values-production")).values():
        for container in containers(pod).values():
            assert not any(each["name"].startswith("OTEL_") for each in container.get("env", ()))
            assert not any("trace" in each for each in container.get("args", ()))


def test_gateways_and_trainers_send_a_share() -> None:
    made = pods(render(*TRACED))
    trainers = [pod for name, pod in made.items() if name.startswith("RayCluster/")]
    gateway = containers(made["Deployment/test"])["gateway"]
    for container in (gateway, *(containers(pod).popitem()[1] for pod in trainers)):
        variables = environment(container)
        assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == COLLECTOR
        assert variables["OTEL_TRACES_SAMPLER"] == "parentbased_traceidratio"
        assert variables["OTEL_TRACES_SAMPLER_ARG"] == "0.2"


def test_triton_is_told_as_in_the_local_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, ENDPOINT, COLLECTOR)
    arguments = containers(pods(render(*TRACED))["Deployment/test-triton"])["triton"]["args"]
    assert tracing_options() == [each for each in arguments if each.startswith("--trace-config")]


def test_the_network_lets_traces_out() -> None:
    policy = of_kind(render(*TRACED), "NetworkPolicy", "test-tracing")["spec"]
    assert policy["egress"] == [{"ports": [{"port": 4318, "protocol": "TCP"}]}]
