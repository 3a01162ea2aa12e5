"""A gateway's process that is one of several; `processes.py` starts it and is its parent."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

STDIN = 0
SERVING = b"\n"
"""What a process writes to its parent as soon as it serves."""


@dataclass(frozen=True)
class Member:
    """Who a process is among those of its gateway.

    Attributes:
        index: counts from 0; the successor of a process that died bears it again.
        gateway: the gateway's name.
        metrics: directory in which all of them count.
    """

    index: int
    gateway: str
    metrics: Path

    @classmethod
    def of(cls, arguments: Sequence[str]) -> Self:
        """From the arguments of a process."""
        index, gateway, metrics = arguments
        return cls(int(index), gateway, Path(metrics))

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of the process."""
        return str(self.index), self.gateway, str(self.metrics)

    @property
    def name(self) -> str:
        """Under which it may lead."""
        return f"{self.gateway}/{self.index}"

    async def serve_parent(self) -> None:
        """Tells the parent that the process serves; returns when the parent is gone."""
        reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=STDIN))
        writer.write(SERVING)
        await reader.read()
        writer.close()
