"""``python -m service``: the gateway. Settings come from the environment, see `settings.py`."""

import asyncio
import sys

from pydantic import ValidationError

from service.gateway import GatewayDownError, run
from service.logs import configure_logs, set_level
from service.settings import Settings, problems
from telemetry.tracing import TracingError, start_tracing


def main() -> int:
    """Runs the gateway; returns the exit status: 1 if it can't start, 2 if a setting is wrong."""
    configure_logs()
    try:
        settings = Settings()
    except ValidationError as error:
        print(*problems(error), sep="\n", file=sys.stderr)
        return 2
    set_level(settings.log_level)
    try:
        end_tracing = start_tracing("likeness-gateway")
        try:
            asyncio.run(run(settings))
        finally:
            end_tracing()
    except (GatewayDownError, TracingError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
