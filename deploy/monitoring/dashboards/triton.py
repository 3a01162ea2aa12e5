"""Triton by its own metrics, and whether its models live."""

from deploy.monitoring.dashboards.panel import Board, Panel, quantiles, rate, total
from deploy.monitoring.selectors import GATEWAY, TRITON


def per_request(part: str) -> str:
    """Mean seconds that a model's request spends in a part of its way; Triton counts in µs."""
    requests = rate("nv_inference_request_success", TRITON, "model")
    return f"{rate(f'nv_inference_{part}_duration_us', TRITON, 'model')} / 1e6 / ({requests} > 0)"


BOARD = Board(
    "triton",
    "Likeness: Triton",
    "The inference server's models, by its own count.",
    {
        "Life": (
            Panel(
                "Models answer",
                "short",
                {"gateways": total("likeness_triton_up", GATEWAY)},
                "Gateways whose heartbeats are answered.",
            ),
            Panel(
                "Time of a heartbeat",
                "s",
                quantiles("likeness_triton_heartbeat_seconds", GATEWAY),
                "It runs every model once.",
            ),
            Panel(
                "Models loaded anew",
                "short",
                {
                    "models": f"sum(increase(likeness_model_reloads_total{{{GATEWAY}}}[1h]))"
                    " or vector(0)"
                },
                "In the last hour, since their process had died.",
            ),
        ),
        "Models": (
            Panel(
                "Requests by model",
                "reqps",
                {"{{model}}": rate("nv_inference_request_success", TRITON, "model")},
                "Successful ones.",
            ),
            Panel(
                "Failed requests by model",
                "reqps",
                {"{{model}}": rate("nv_inference_request_failure", TRITON, "model")},
                "Cancelled ones included.",
            ),
            Panel(
                "Executions by model",
                "ops",
                {"{{model}}": rate("nv_inference_exec_count", TRITON, "model")},
                "Batches run.",
            ),
            Panel("Time of a request", "s", {"{{model}}": per_request("request")}, "Mean."),
            Panel("Time in Triton's queue", "s", {"{{model}}": per_request("queue")}, "Mean."),
            Panel("Time of computing", "s", {"{{model}}": per_request("compute_infer")}, "Mean."),
        ),
        "Machine": (
            Panel(
                "Utilisation",
                "percentunit",
                {
                    "{{gpu_uuid}}": f"nv_gpu_utilization{{{TRITON}}}"
                    f" or avg by (instance) (nv_cpu_utilization{{{TRITON}}})"
                },
                "Of each GPU; without one, of the CPU.",
            ),
            Panel(
                "Memory in use",
                "bytes",
                {
                    "{{gpu_uuid}}": f"nv_gpu_memory_used_bytes{{{TRITON}}}"
                    f" or avg by (instance) (nv_cpu_memory_used_bytes{{{TRITON}}})"
                },
                "Of each GPU; without one, of the machine.",
            ),
        ),
    },
)
