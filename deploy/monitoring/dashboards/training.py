"""Trainings: how many wait, how many run, how well they learn."""

from deploy.monitoring.dashboards.panel import Board, Panel, mean, quantiles, rate, total
from deploy.monitoring.selectors import GATEWAY

BOARD = Board(
    "training",
    "Likeness: Training",
    "From the queue through the workers to the identity.",
    {
        "Queue": (
            Panel(
                "Trainings by state",
                "short",
                {"{{state}}": f"max by (state) (likeness_operations{{{GATEWAY}}})"},
                "In the database.",
            ),
            Panel(
                "Queue",
                "short",
                {"waiting": f"max(likeness_training_queue_depth{{{GATEWAY}}})"},
                "Trainings that wait for a worker.",
            ),
            Panel(
                "Oldest in the queue",
                "s",
                {"age": f"max(likeness_training_queue_oldest_seconds{{{GATEWAY}}})"},
                "How long it has waited.",
            ),
            Panel(
                "Time in the queue",
                "s",
                quantiles("likeness_training_queue_seconds", GATEWAY),
                "From the request to the first attempt.",
            ),
        ),
        "Work": (
            Panel(
                "Trainings that run",
                "short",
                {"trainings": total("likeness_trainings_running", GATEWAY)},
                "On the gateway that leads.",
            ),
            Panel(
                "Workers with trainings",
                "short",
                {"workers": total("likeness_training_workers", GATEWAY)},
                "Each trains one group, in one batch.",
            ),
            Panel(
                "Trainings that share a worker",
                "short",
                {"mean": mean("likeness_training_group_size", GATEWAY)},
                "When one joins, itself included.",
            ),
            Panel(
                "Steps per second",
                "ops",
                {"steps": rate("likeness_training_steps_total", GATEWAY)},
                "Of all trainings together.",
            ),
            Panel(
                "Training loss",
                "short",
                {"mean": mean("likeness_training_loss", GATEWAY)},
                "Mean of all reports of progress (Eq. 6).",
            ),
        ),
        "Results": (
            Panel(
                "Trainings by outcome",
                "ops",
                {"{{outcome}}": rate("likeness_trainings_total", GATEWAY, "outcome")},
                "Those that ended.",
            ),
            Panel(
                "Attempts by outcome",
                "ops",
                {"{{outcome}}": rate("likeness_training_attempts_total", GATEWAY, "outcome")},
                "A failed one is tried again from its last checkpoint.",
            ),
            Panel(
                "Time to ready",
                "s",
                quantiles("likeness_training_seconds", f'{GATEWAY},outcome="succeeded"'),
                "Waiting included.",
            ),
        ),
    },
)
