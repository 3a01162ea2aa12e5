"""Command line options of the form WORD=VALUE."""

from collections.abc import Iterator

import typer


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
