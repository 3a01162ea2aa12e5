"""What single features cost, against the same request without them."""

import numpy as np
from tritonclient.grpc.aio import InferenceServerClient

from benchmarks.load import Result, one_at_a_time
from benchmarks.requests import Requests
from benchmarks.tables import Row, Table

ROUNDS = 7
FRESH = 1000
"""Identities from here on have not been asked for before."""


async def feature_costs(client: InferenceServerClient, requests: Requests) -> Table:
    """The table of the costs."""
    number = np.ones(1, np.float32)
    alike = [requests.of(0, seed) for seed in range(ROUNDS)]
    plain = await one_at_a_time(client, "sampler", alike)
    variants = {
        "without guidance (scale 1)": [{**each, "guidance_scale": number} for each in alike],
        "guidance at timesteps 800 to 200 only": [
            {**each, "guidance_interval": np.array([800, 200], np.float32)} for each in alike
        ],
        "previews every 5 steps": [
            {**each, "preview_every": np.array([5], np.int32)} for each in alike
        ],
        "an identity that was not used before (conditioning cache missed)": [
            requests.of(FRESH + seed, seed) for seed in range(ROUNDS)
        ],
    }
    rows = [Row("as above", f"{1000 * _median(plain):.0f} ms")]
    for name, varied in variants.items():
        median = _median(await one_at_a_time(client, "sampler", varied))
        change = median / _median(plain) - 1
        rows.append(Row(name, f"{1000 * median:.0f} ms, {change:+.1%}"))
    return Table("Costs of single features", "Median latency of a request by itself.", rows)


def _median(result: Result) -> float:
    return float(np.median(result.latencies))
