"""Runs checks of a deployment side by side; each ends in one line that says what to do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from service.settings import Settings

LIMIT_SECONDS = 60.0
"""How long a check may take; whatever it waits for counts as away then."""


class Verdict(StrEnum):
    """What a check found."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class TroubleError(Exception):
    """Something is not as it must be.

    Args:
        found: what is wrong, without anything secret.
        advice: what to do.
        verdict: `WARN` if the service works nevertheless.
    """

    def __init__(self, found: str, advice: str, verdict: Verdict = Verdict.FAIL) -> None:
        super().__init__(found)
        self.found, self.advice, self.verdict = found, advice, verdict


Check = Callable[[Settings], Awaitable[str]]
"""Tells what it found, or raises :class:`TroubleError`."""


@dataclass(frozen=True)
class Line:
    """How a check ended."""

    verdict: Verdict
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.verdict:<5} {self.name:<20} {' '.join(self.text.split())}"


async def examine(checks: Mapping[str, Check], settings: Settings) -> AsyncIterator[Line]:
    """A line for each check, in their order."""
    running = {
        name: asyncio.create_task(_line(name, check(settings))) for name, check in checks.items()
    }
    for line in running.values():
        yield await line


async def _line(name: str, check: Awaitable[str]) -> Line:
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            return Line(Verdict.OK, name, await check)
    except TroubleError as trouble:
        return Line(trouble.verdict, name, f"{trouble.found}; {trouble.advice}")
    except TimeoutError:
        return Line(Verdict.FAIL, name, f"did not end in {LIMIT_SECONDS:g} s")
    except Exception as error:
        # Its message may quote what it choked on.
        return Line(Verdict.FAIL, name, f"could not be looked at: {type(error).__name__}")
