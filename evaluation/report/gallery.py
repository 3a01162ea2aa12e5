"""The source image next to what is drawn from it, per prompt and method."""

from typing import Any

from evaluation.experiments import EXPERIMENTS
from evaluation.report.inline import picture
from evaluation.report.results import Results
from evaluation.scores import PLAIN

DEFAULT = "5kv-all"
_METHODS = (PLAIN, "textual-inversion", "prospect", "5kv-none", "paper", DEFAULT)
_PER_LEVEL = 2  # prompts shown
_PEOPLE = 6


def labels(class_noun: str) -> dict[str, str]:
    """What the tables call each method; the class noun stands for itself."""
    named = {PLAIN: f"“{class_noun}”"}
    for experiment in EXPERIMENTS.values():
        for label, method in experiment.rows.items():
            named.setdefault(method, label.replace("`", ""))
    return named


def build(results: Results) -> dict[str, Any] | None:
    """People with their source image, and a row of pictures for each prompt."""
    suite = results.suite
    if suite is None:
        return None
    named = labels(suite["settings"]["class_noun"])
    chosen = _first_of_each_level(suite["settings"]["prompts"])
    first = suite["settings"]["first"]
    people: list[dict[str, Any]] = []
    for person in range(first, first + suite["identities"]):
        strips = {name: results.strips(name, person) for name in _METHODS}
        strips = {name: strip for name, strip in strips.items() if strip}
        if not set(strips) - {PLAIN} or len(people) == _PEOPLE:
            break
        people.append(
            {
                "number": person,
                "source": picture(results.source(person)),
                "methods": [named[name] for name in strips],
                "default": list(strips).index(DEFAULT) if DEFAULT in strips else None,
                "rows": [
                    {
                        "prompt": suite["settings"]["prompts"][index]["text"].format("V*"),
                        "cells": [picture(strip[index]) for strip in strips.values()],
                    }
                    for index in chosen
                ],
            }
        )
    return {"people": people} if people else None


def _first_of_each_level(prompts: list[dict[str, Any]]) -> list[int]:
    """Indices of the first prompts of each level."""
    levels: dict[str, list[int]] = {}
    for index, prompt in enumerate(prompts):
        levels.setdefault(prompt["level"], []).append(index)
    return [index for some in levels.values() for index in some[:_PER_LEVEL]]
