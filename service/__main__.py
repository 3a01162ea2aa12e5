"""``python -m service``: the gateway. Settings come from the environment, see `settings.py`."""

import asyncio
import sys
from collections.abc import Sequence

import structlog
from pydantic import ValidationError
from pydantic_settings import SettingsError

from service.logs import configure_logs, set_level
from service.member import Member
from service.processes import supervise
from service.settings import Settings, problems
from service.shared_metrics import count_together
from service.startup import GatewayDownError
from telemetry.tracing import TracingError, start_tracing


def main(arguments: Sequence[str] = ()) -> int:
    """Runs the gateway; returns the exit status: 1 if it can't start, 2 if a setting is wrong.

    Args:
        arguments: of a process that is one of several.
    """
    configure_logs()
    try:
        settings = Settings()
    except (ValidationError, SettingsError) as error:
        print(*problems(error), sep="\n", file=sys.stderr)
        return 2
    set_level(settings.log_level)
    try:
        if settings.processes > 1 and not arguments:
            asyncio.run(supervise(settings))
        else:
            _serve(settings, Member.of(arguments) if arguments else None)
    except (GatewayDownError, TracingError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _serve(settings: Settings, member: Member | None) -> None:
    from service.gateway import run  # a parent has no need of it all

    if member is not None:
        structlog.contextvars.bind_contextvars(process=member.index)
        count_together(member.metrics, member.index)
    end_tracing = start_tracing("likeness-gateway")
    try:
        asyncio.run(run(settings, member))
    finally:
        end_tracing()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
