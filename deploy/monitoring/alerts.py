"""Alerts on what needs a person, each with the page of docs/runbooks that says what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from deploy.monitoring.selectors import GATEWAY, TRITON

Severity = Literal["critical", "warning"]
"""A critical alert wakes somebody."""


@dataclass(frozen=True)
class Record:
    """A recording rule."""

    name: str
    expression: str


@dataclass(frozen=True)
class Alert:
    """An alerting rule.

    Attributes:
        hold_seconds: how long the expression has to hold.
        summary: a sentence.
        runbook: file in docs/runbooks, without its suffix.
    """

    name: str
    expression: str
    severity: Severity
    summary: str
    runbook: str
    hold_seconds: float = 0


def alerts() -> Iterator[Alert]:
    """Those that are not about objectives."""
    yield Alert(
        "LikenessGatewaysGone",
        f"absent(up{{{GATEWAY}}} == 1)",
        "critical",
        "No gateway answers Prometheus.",
        "gateways-gone",
        120,
    )
    yield Alert(
        "LikenessStoreDown",
        f"min by (job, namespace) (likeness_store_up{{{GATEWAY}}}) == 0",
        "critical",
        "A gateway's database does not accept writes, so the gateway is not ready.",
        "store-down",
        120,
    )
    yield Alert(
        "LikenessTritonDown",
        f"min by (job, namespace) (likeness_triton_up{{{GATEWAY}}}) == 0",
        "critical",
        "A gateway's Triton does not answer heartbeats, or there is no exported model.",
        "triton-down",
        180,
    )
    yield Alert(
        "LikenessTritonNotScraped",
        f"absent(up{{{TRITON}}} == 1)",
        "warning",
        "No Triton answers Prometheus, so nothing is known of the sampler.",
        "triton-down",
        300,
    )
    yield Alert(
        "LikenessNobodyDispatches",
        f"sum by (job, namespace) (likeness_leading{{{GATEWAY}}}) == 0",
        "critical",
        "No gateway leads, so trainings are queued but not started.",
        "nobody-dispatches",
        120,
    )
    yield Alert(
        "LikenessModelsDieOften",
        f"sum by (job, namespace) (increase(likeness_model_reloads_total{{{GATEWAY}}}[15m])) > 3",
        "warning",
        "Processes of Triton's models die again and again; the watchdog loads them anew.",
        "models-die-often",
    )
    yield Alert(
        "LikenessTrainingsWaitLong",
        f"max by (job, namespace) (likeness_training_queue_oldest_seconds{{{GATEWAY}}}) > 1800",
        "warning",
        "The oldest queued training has waited for more than half an hour.",
        "trainings-wait-long",
        300,
    )
    attempts = (
        f"sum by (job, namespace) (increase(likeness_training_attempts_total{{{GATEWAY},outcome"
    )
    yield Alert(
        "LikenessTrainingsFail",
        f'{attempts}="failed"}}[30m])) / {attempts}=~"failed|succeeded"}}[30m])) > 0.2',
        "warning",
        "More than a fifth of the attempts at trainings fail.",
        "trainings-fail",
        600,
    )
    requests = f"sum by (job, namespace) (rate(likeness_sampler_requests_total{{{TRITON}"
    yield Alert(
        "LikenessDrawingsRefused",
        f'{requests},outcome=~"refused|expired"}}[10m])) / {requests}}}[10m])) > 0.05',
        "warning",
        "More than 5 % of the drawings are refused, since the queue is full or too slow for them.",
        "drawings-refused",
        600,
    )
    yield Alert(
        "LikenessStorageFails",
        "sum by (job, namespace) "
        f'(increase(likeness_blob_seconds_count{{{GATEWAY},outcome="failed"}}[10m])) > 5',
        "critical",
        "The storage of images and identities does not answer.",
        "storage-fails",
        120,
    )
