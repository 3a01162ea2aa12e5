"""Variables that documentation and chart name are those that the code reads."""

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

from sampler.settings import SamplerSettings
from service.settings import Settings

NAME = re.compile(r"LIKENESS_[A-Z0-9_]*[A-Z0-9]")
READERS = ("client", "deploy")
"""Folders besides the gateway's whose code reads variables."""


def named(*files: Path) -> set[str]:
    return {name for file in files for name in NAME.findall(file.read_text())}


def is_setting(variable: str) -> bool:
    """Whether it is a setting of the gateway, or a group of them."""
    group = Settings.model_fields
    for part in variable.removeprefix("LIKENESS_").lower().split("__"):
        if part not in group:
            return False
        kind = group[part].annotation
        kinds = [each for each in (kind, *get_args(kind)) if isinstance(each, type)]
        groups = [each.model_fields for each in kinds if issubclass(each, BaseModel)]
        group = groups[0] if groups else {}
    return True


def test_every_variable_that_is_named_is_there() -> None:
    pages = [Path("README.md"), *Path("docs").rglob("*.md")]
    chart = [each for each in Path("k8s/likeness").rglob("*") if each.suffix in (".yaml", ".md")]
    code = [each for folder in READERS for each in Path(folder).rglob("*.py")]
    code += Path("deploy").glob("*.yaml")
    known = named(*code)
    known |= {f"LIKENESS_SAMPLER_{each.name.upper()}" for each in fields(SamplerSettings)}
    assert not {name for name in named(*pages, *chart) - known if not is_setting(name)}
