"""Fields of the training config on a command line."""

import argparse
import json
from typing import Any


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Adds ``--set FIELD=VALUE``; the parsed ``set`` is a list of pairs."""
    parser.add_argument(
        "--set",
        type=_setting,
        default=[],
        action="append",
        metavar="FIELD=VALUE",
        help="another value than the preset's; may be repeated",
    )


def _setting(text: str) -> tuple[str, Any]:
    field, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"must be FIELD=VALUE, got {text}")
    try:
        return field, json.loads(value)
    except json.JSONDecodeError:
        return field, value
