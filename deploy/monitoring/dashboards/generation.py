"""Where a drawing's time goes, and how full the engine is."""

from deploy.monitoring.dashboards.panel import Board, Panel, quantiles, rate, share, total
from deploy.monitoring.selectors import GATEWAY, TRITON

SAMPLER = "likeness_sampler"
DRAWN = rate(f"{SAMPLER}_requests_total", f'{TRITON},outcome="drawn"')


def hits(hit: str, miss: str) -> str:
    """The share of hits, over the last moments."""
    return f"{hit} / ({hit} + {miss})"


BOARD = Board(
    "generation",
    "Likeness: Generation",
    "Drawings, from the gateway's acceptance through the denoising loop to the encoded picture.",
    {
        "Requests": (
            Panel(
                "Drawings by outcome",
                "reqps",
                {"{{outcome}}": rate("likeness_generation_seconds_count", GATEWAY, "outcome")},
                "As the gateways see them.",
            ),
            Panel(
                "Requests by outcome",
                "reqps",
                {"{{outcome}}": rate(f"{SAMPLER}_requests_total", TRITON, "outcome")},
                "As the sampler sees them: also those that it refused or dropped.",
            ),
            Panel(
                "Waiting and in flight",
                "short",
                {
                    "in flight": total(f"{SAMPLER}_requests_in_flight", TRITON),
                    "waiting for a first step": total(f"{SAMPLER}_requests_waiting", TRITON),
                    "at the gateways": total("likeness_generations_in_flight", GATEWAY),
                },
                "Requests.",
            ),
        ),
        "Time": (
            Panel(
                "Where a request's time goes",
                "s",
                {
                    "{{phase}}": f"{rate(f'{SAMPLER}_phase_seconds_total', TRITON, 'phase')}"
                    f" / on () group_left () {DRAWN}",
                    "encode": rate("likeness_generation_encode_seconds_sum", GATEWAY)
                    + " / "
                    + rate("likeness_generation_seconds_count", f'{GATEWAY},outcome="succeeded"'),
                },
                "Mean seconds of a drawn request in each phase.",
            ),
            Panel(
                "Time of a drawing",
                "s",
                quantiles("likeness_generation_seconds", f'{GATEWAY},outcome="succeeded"'),
                "Of those that succeeded.",
            ),
            Panel(
                "Time to the first step",
                "s",
                quantiles("likeness_generation_first_step_seconds", GATEWAY),
                "Queue and text features.",
            ),
            Panel(
                "Time to encode a picture",
                "s",
                quantiles("likeness_generation_encode_seconds", GATEWAY),
                "In the gateway.",
            ),
        ),
        "The loop": (
            Panel(
                "Steps per second",
                "ops",
                {"steps": rate(f"{SAMPLER}_steps_total", TRITON)},
                "Each one call of the U-Net.",
            ),
            Panel(
                "Time of a step",
                "s",
                {
                    "step": share(
                        f"{SAMPLER}_step_seconds_total", f"{SAMPLER}_steps_total", TRITON
                    ),
                    "engine": share(
                        f"{SAMPLER}_engine_seconds_total", f"{SAMPLER}_steps_total", TRITON
                    ),
                },
                "The engine's share, the way there and back included; the rest is the loop's own.",
            ),
            Panel(
                "Batch fill",
                "percentunit",
                {
                    "fill": share(f"{SAMPLER}_rows_total", f"{SAMPLER}_steps_total", TRITON)
                    + f" / max({SAMPLER}_max_rows{{{TRITON}}})"
                },
                "Rows of a step by the most that the engine takes.",
            ),
            Panel(
                "Rows in flight",
                "short",
                {
                    "rows": total(f"{SAMPLER}_rows_in_flight", TRITON),
                    "most in a step": total(f"{SAMPLER}_max_rows", TRITON),
                },
                "What all requests would fill; above the most, requests take turns.",
            ),
        ),
        "Caches and faults": (
            Panel(
                "Cache hits",
                "percentunit",
                {
                    "encoded prompts": hits(
                        rate(f"{SAMPLER}_conditioning_cache_hits_total", TRITON),
                        rate(f"{SAMPLER}_conditioning_cache_misses_total", TRITON),
                    ),
                    "identities": hits(
                        rate("likeness_identity_cache_requests_total", f'{GATEWAY},outcome="hit"'),
                        rate("likeness_identity_cache_requests_total", f'{GATEWAY},outcome="miss"'),
                    ),
                },
                "Share of lookups that were answered from memory.",
            ),
            Panel(
                "Drawings begun again",
                "ops",
                {"drawings": rate("likeness_generation_retries_total", GATEWAY)},
                "After a model had died.",
            ),
        ),
    },
)
