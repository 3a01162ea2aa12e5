"""Options that several commands have, and those of the form WORD=VALUE."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from client.consent import Consent

Address = Annotated[
    str, typer.Option(envvar="LIKENESS_ADDRESS", metavar="HOST:PORT", help="Where the service is.")
]
PreviewsTo = Annotated[Path, typer.Option(file_okay=False, help="Where pictures on the way go.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON lines on stdout and nothing else.")]
ConsentBy = Annotated[str, typer.Option(metavar="WHO", help="Who consents to it.")]
ConsentPurpose = Annotated[str, typer.Option(metavar="TEXT", help="What they consent to.")]
ConsentTime = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
        help="When they did; now if not given.",
    ),
]


def parse_consent(by: str, purpose: str, time: datetime | None) -> Consent | None:
    """The consent, if there is one. Raises `typer.BadParameter` if it lacks who or for what."""
    if not (by or purpose or time):
        return None
    for option, value in (("--consent-by", by), ("--consent-purpose", purpose)):
        if not value:
            message = "a consent names who gave it and its purpose"
            raise typer.BadParameter(message, param_hint=option)
    return Consent(by, purpose, time or datetime.now())


def parse_bindings(texts: list[str]) -> dict[str, str]:
    """`ann=identities/x` as a binding. Raises `typer.BadParameter`."""
    return dict(_pairs("--identity", "WORD=IDENTITY", texts))


def parse_strengths(texts: list[str]) -> dict[str, list[float]]:
    """`ann=0.5` or `ann=0,0,1,1,1` as strengths. Raises `typer.BadParameter`."""
    form = "WORD=NUMBER or WORD=NUMBER,NUMBER,..."
    strengths = {}
    for word, numbers in _pairs("--strength", form, texts):
        try:
            strengths[word] = [float(each) for each in numbers.split(",")]
        except ValueError:
            message = f"'{word}={numbers}' is not {form}"
            raise typer.BadParameter(message, param_hint="--strength") from None
    return strengths


def _pairs(option: str, form: str, texts: list[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        word, equals, value = text.partition("=")
        if not (word and equals and value):
            raise typer.BadParameter(f"{text!r} is not {form}", param_hint=option)
        yield word.strip("<>"), value
