"""Who asks for how much. Tenants appear by the id that an administrator gave them."""

from deploy.monitoring.dashboards.panel import Board, Panel, rate
from deploy.monitoring.selectors import GATEWAY

REQUESTS, IMAGES = "likeness_tenant_requests_total", "likeness_tenant_images_total"


def largest(expression: str) -> str:
    """The ten tenants with most."""
    return f"topk(10, {expression})"


def asked(kind: str) -> str:
    """Requests a second, by tenant."""
    return rate(REQUESTS, f'{GATEWAY},kind="{kind}"', "tenant")


def last_day(metric: str, labels: str) -> str:
    """Growth in a day, by tenant."""
    return f"sum by (tenant) (increase({metric}{{{labels}}}[1d]))"


BOARD = Board(
    "tenants",
    "Likeness: Tenants",
    "The ten tenants that ask for most; beyond 200 tenants the rest is `other`.",
    {
        "Now": (
            Panel(
                "Drawings", "reqps", {"{{tenant}}": largest(asked("generation"))}, "Accepted ones."
            ),
            Panel(
                "Trainings", "reqps", {"{{tenant}}": largest(asked("training"))}, "Accepted ones."
            ),
            Panel(
                "Pictures",
                "ops",
                {"{{tenant}}": largest(rate(IMAGES, GATEWAY, "tenant"))},
                "Finished ones.",
            ),
            Panel(
                "Share of the pictures",
                "percentunit",
                {
                    "{{tenant}}": largest(
                        f"{rate(IMAGES, GATEWAY, 'tenant')} / on () group_left () "
                        f"{rate(IMAGES, GATEWAY)}"
                    )
                },
                "Of all that are finished.",
            ),
        ),
        "Last day": (
            Panel(
                "Pictures in a day",
                "short",
                {"{{tenant}}": largest(last_day(IMAGES, GATEWAY))},
                "Finished ones.",
            ),
            Panel(
                "Trainings in a day",
                "short",
                {"{{tenant}}": largest(last_day(REQUESTS, f'{GATEWAY},kind="training"'))},
                "Accepted ones.",
            ),
        ),
    },
)
