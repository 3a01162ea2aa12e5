"""Every reason that the code gives is one that callers can read about."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from likeness.v1.error_reason_pb2 import ErrorReason

REASON = re.compile(r"[A-Z]+(_[A-Z]+)*")
WITHIN = {"BASE_MODEL", "LOCKED", "DIVERGED"}
"""Reasons of a trainer's process that the gateway keeps to itself: it tries again."""


def given() -> Iterator[tuple[str, str]]:
    """File and reason of every error and failure that is made."""
    for path in sorted([*Path("service").rglob("*.py"), *Path("trainer").glob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if not re.search(r"(Error|Failure|__init__|events)$", name):
                continue
            for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
                value = argument.value if isinstance(argument, ast.Constant) else None
                if isinstance(value, str) and REASON.fullmatch(value) and len(value) > 3:
                    yield str(path), value


def test_every_reason_is_in_the_api() -> None:
    found = set(given())
    assert ("service/errors.py", "NOT_FOUND") in found
    unknown = {each for each in found if each[1] not in {*ErrorReason.keys(), *WITHIN}}
    assert not unknown
