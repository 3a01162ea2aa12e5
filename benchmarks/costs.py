"""What single features cost, against the same request without them."""

import numpy as np
import numpy.typing as npt
from tritonclient.grpc.aio import InferenceServerClient

from benchmarks.load import taking_turns
from benchmarks.requests import Requests
from benchmarks.tables import Row, Table

ROUNDS = 7
FRESH = 1000
"""Identities from here on have not been asked for before."""
PLAIN = "one request by itself"


async def feature_costs(client: InferenceServerClient, requests: Requests) -> Table:
    """The table of the costs."""
    number = np.ones(1, np.float32)
    alike = [requests.of(0, seed) for seed in range(ROUNDS)]
    variants = {
        PLAIN: alike,
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
    latencies = await taking_turns(client, "sampler", variants)
    plain = latencies.pop(PLAIN)
    rows = [Row(PLAIN, milliseconds(plain))]
    for name, varied in latencies.items():
        change = float(np.median(varied / plain)) - 1
        rows.append(Row(name, f"{milliseconds(varied)}; {change:+.1%}"))
    text = (
        f"Median of {ROUNDS} rounds, lowest and highest, in which all took turns; changes are "
        "medians of the rounds' own."
    )
    return Table("Costs of single features", text, rows)


def milliseconds(latencies: npt.NDArray[np.float64]) -> str:
    """The median and the range of latencies in seconds."""
    low, middle, high = 1000 * np.percentile(latencies, [0, 50, 100])
    return f"{middle:.0f} ms ({low:.0f} to {high:.0f})"
