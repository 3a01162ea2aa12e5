"""How urgent a request is to the sampler: never more than its tenant's ceiling."""

from pathlib import Path
from typing import Any

import pytest

from likeness.v1 import generation_service_pb2 as pb
from service.bundle import BundleSource
from service.errors import InvalidRequestError
from service.planning import Planner
from service.settings import GenerationSettings, PriorityName

REFUSED = None
LOW, NORMAL, HIGH = -1, 0, 1
"""The sampler's numbers."""


async def rank(bundle: Path, ceiling: PriorityName, priority: int) -> int | None:
    """What the sampler is told for a tenant of this ceiling."""
    unused: Any = None  # no identity is drawn, and no picture read
    settings = GenerationSettings(priority_ceilings={"studio": ceiling})
    planner = Planner(unused, unused, BundleSource(bundle), unused, settings)
    spec = pb.GenerationSpec(prompt="a dog", priority=pb.Priority.Name(priority))
    try:
        (request,) = (await planner.plan(spec, "studio", 0)).requests
    except InvalidRequestError:
        return REFUSED
    return request.priority


@pytest.mark.parametrize(
    ("ceiling", "ranks"),
    [
        ("low", [LOW, LOW, REFUSED, REFUSED]),
        ("normal", [NORMAL, LOW, NORMAL, REFUSED]),
        ("high", [NORMAL, LOW, NORMAL, HIGH]),
    ],
)
async def test_nothing_gets_above_the_ceiling_not_even_what_is_left_out(
    light_bundle: Path, ceiling: PriorityName, ranks: list[int | None]
) -> None:
    """Of a priority that is unset, low, normal and high."""
    asked = sorted(pb.Priority.values())
    assert [await rank(light_bundle, ceiling, priority) for priority in asked] == ranks
