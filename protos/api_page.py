"""Writes docs/api.md from the protos' comments: ``python protos/api_page.py [FILE]``."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
PAGE = ROOT.parent / "docs" / "api.md"
INTRODUCTION = ROOT / "introduction.md"

_MESSAGE, _ENUM, _SERVICE = 4, 5, 6  # field numbers within FileDescriptorProto
_FIELD, _NESTED, _INNER_ENUM, _VALUE, _METHOD = 2, 3, 4, 2, 2

Descriptor = dict[str, Any]


def files() -> list[Descriptor]:
    """The API's files as buf describes them, with comments."""
    options = ["--path", "likeness", "--exclude-imports", "--output", "-#format=json"]
    done = subprocess.run(["buf", "build", *options], cwd=ROOT, capture_output=True, check=True)
    found: list[Descriptor] = json.loads(done.stdout)["file"]
    return sorted(found, key=lambda each: "service" not in each)


class File:
    """A file of the API, as Markdown."""

    def __init__(self, file: Descriptor) -> None:
        self._file = file
        places = file.get("sourceCodeInfo", {}).get("location", [])
        self._comments = {
            tuple(place["path"]): _text(place["leadingComments"])
            for place in places
            if "leadingComments" in place
        }

    def services(self) -> Iterator[str]:
        """A section for each service, with its RPCs."""
        for i, service in enumerate(self._file.get("service", [])):
            yield f"## {service['name']}\n\n{self._comments[_SERVICE, i]}\n"
            for j, method in enumerate(service["method"]):
                yield f"### {method['name']}\n\n{self._comments[_SERVICE, i, _METHOD, j]}\n"
                stream = "stream of " if method.get("serverStreaming") else ""
                yield f"{_link(method['inputType'])} → {stream}{_link(method['outputType'])}"
                yield f"\n`{_route(method)}`\n"

    def messages(self) -> Iterator[str]:
        """A section for each message and enum."""
        for i, message in enumerate(self._file.get("messageType", [])):
            yield from self._message(message, (_MESSAGE, i), "")
        for i, enum in enumerate(self._file.get("enumType", [])):
            yield from self._enum(enum, (_ENUM, i), "")

    def _message(self, message: Descriptor, path: tuple[int, ...], outer: str) -> Iterator[str]:
        name = f"{outer}{message['name']}"
        yield f"### {name}\n\n{self._comments[path]}\n"
        maps = {each["name"]: each for each in message.get("nestedType", []) if _is_map(each)}
        if fields := message.get("field"):
            yield "| field | type | what it is |\n|---|---|---|"
        for i, field in enumerate(fields or []):
            text = _cell(self._comments[*path, _FIELD, i])
            yield f"| `{field['name']}` | {_type(field, maps)} | {text} |"
        yield ""
        for i, nested in enumerate(message.get("nestedType", [])):
            if not _is_map(nested):
                yield from self._message(nested, (*path, _NESTED, i), f"{name}.")
        for i, enum in enumerate(message.get("enumType", [])):
            yield from self._enum(enum, (*path, _INNER_ENUM, i), f"{name}.")

    def _enum(self, enum: Descriptor, path: tuple[int, ...], outer: str) -> Iterator[str]:
        yield f"### {outer}{enum['name']}\n\n{self._comments[path]}\n"
        yield "| value | what it is |\n|---|---|"
        for i, value in enumerate(enum["value"]):
            yield f"| `{value['name']}` | {_cell(self._comments[*path, _VALUE, i])} |"
        yield ""


def page() -> str:
    """The whole page."""
    described = [File(each) for each in files()]
    parts = [INTRODUCTION.read_text()]
    for file in described:
        parts += file.services()
    parts.append("## Messages\n")
    for file in described:
        parts += file.messages()
    return "\n".join(parts).rstrip() + "\n"


def _text(comment: str) -> str:
    lines = (line.strip() for line in comment.splitlines())
    return " ".join(line for line in lines if not line.startswith("buf:lint:")).strip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _is_map(message: Descriptor) -> bool:
    return bool(message.get("options", {}).get("mapEntry"))


def _type(field: Descriptor, maps: dict[str, Descriptor]) -> str:
    name = field.get("typeName", "")
    if (entry := maps.get(name.rpartition(".")[2])) is not None:
        key, value = (_type(each, {}) for each in entry["field"])
        return f"map of {key} to {value}"
    kind = _link(name) if name else field["type"].removeprefix("TYPE_").lower()
    if field["label"] == "LABEL_REPEATED":
        return f"list of {kind}"
    return f"{kind}, optional" if field.get("proto3Optional") else kind


def _link(name: str) -> str:
    short = name.removeprefix(".likeness.v1.")
    return f"`{name[1:]}`" if short == name else f"[{short}](#{short.replace('.', '').lower()})"


def _route(method: Descriptor) -> str:
    http = method["options"]["[google.api.http]"]
    verb = next(verb for verb in ("get", "post", "delete") if verb in http)
    return f"{verb.upper()} {http[verb]}"


if __name__ == "__main__":
    (Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE).write_text(page())
