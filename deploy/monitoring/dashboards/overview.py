"""What an operator looks at first: are the promises kept, and what is the load?"""

from deploy.monitoring.dashboards.panel import Board, Panel, quantile, quantiles, rate, total
from deploy.monitoring.objectives import OBJECTIVES
from deploy.monitoring.selectors import GATEWAY

SUCCEEDED = f'{GATEWAY},outcome="succeeded"'

BOARD = Board(
    "overview",
    "Likeness: Overview",
    "Promises, load, and what the gateways stand on.",
    {
        "Promises": (
            *(
                Panel(
                    f"{each.runbook.replace('-', ' ').capitalize()}, last hour",
                    "percentunit",
                    {"": f"1 - max(likeness:{each.name}:ratio_rate1h{{{GATEWAY}}})"},
                    f"Promised: {each.sentence}.",
                    single=True,
                )
                for each in OBJECTIVES
            ),
            Panel(
                "Oldest training in the queue",
                "s",
                {"": f"max(likeness_training_queue_oldest_seconds{{{GATEWAY}}})"},
                "How long it has waited.",
                single=True,
            ),
            Panel(
                "Alerts",
                "short",
                {"": 'sum(ALERTS{alertname=~"Likeness.*",alertstate="firing"}) or vector(0)'},
                "Alerts that fire now; each has a runbook.",
                single=True,
            ),
            Panel(
                "Answering",
                "short",
                {
                    "gateways": f"sum(up{{{GATEWAY}}})",
                    "with a database": total("likeness_store_up", GATEWAY),
                    "with Triton": total("likeness_triton_up", GATEWAY),
                    "that dispatch": total("likeness_leading", GATEWAY),
                },
                "Gateways, and which of them have what they need; one dispatches trainings.",
                single=True,
            ),
        ),
        "Calls": (
            Panel(
                "Calls by method",
                "reqps",
                {"{{grpc_method}}": rate("grpc_server_handled_total", GATEWAY, "grpc_method")},
                "Calls that ended.",
            ),
            Panel(
                "Calls by code",
                "reqps",
                {"{{grpc_code}}": rate("grpc_server_handled_total", GATEWAY, "grpc_code")},
                "DATA_LOSS, INTERNAL, UNAVAILABLE and UNKNOWN count against the availability.",
            ),
            Panel(
                "Calls under way",
                "short",
                {"{{grpc_method}}": total("likeness_rpc_in_flight", GATEWAY, "grpc_method")},
                "Watching a training lasts as long as the training.",
            ),
            Panel(
                "Time of a drawing",
                "s",
                quantiles("likeness_generation_seconds", SUCCEEDED),
                "From acceptance to the last picture, of those that succeeded.",
            ),
            Panel(
                "Time to ready",
                "s",
                quantiles("likeness_training_seconds", SUCCEEDED),
                "From the request of a training to its identity, waiting included.",
            ),
            Panel(
                "Pictures",
                "ops",
                {"pictures": rate("likeness_images_total", GATEWAY)},
                "Pictures finished.",
            ),
        ),
        "What gateways stand on": (
            Panel(
                "Store latency, p95",
                "s",
                {"{{operation}}": quantile(0.95, "likeness_store_seconds", GATEWAY, "operation")},
                "Transactions of the database.",
            ),
            Panel(
                "Blob latency, p95",
                "s",
                {"{{operation}}": quantile(0.95, "likeness_blob_seconds", GATEWAY, "operation")},
                "Calls of the blob store.",
            ),
            Panel(
                "Gateway CPU",
                "short",
                {"{{instance}}": rate("process_cpu_seconds_total", GATEWAY, "instance")},
                "Cores in use.",
            ),
            Panel(
                "Gateway memory",
                "bytes",
                {"{{instance}}": total("process_resident_memory_bytes", GATEWAY, "instance")},
                "Resident memory.",
            ),
        ),
    },
)
