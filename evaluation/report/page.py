"""Puts the page together."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from evaluation.report import summary
from evaluation.report.results import Results
from evaluation.report.sections import SECTIONS


def page(results: Results) -> str:
    """The whole page; sections without results are named at its end, with what makes them."""
    environment = Environment(
        loader=PackageLoader("evaluation.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    built, missing = [], []
    for section in SECTIONS:
        shown = section.build(results)
        if shown is None:
            command = section.command.format(out=results.root)
            missing.append({"title": section.title, "command": command})
        else:
            built.append({"name": section.name, "title": section.title, "shown": shown})
    template = environment.get_template("page.html")
    return template.render(summary=summary.build(results), sections=built, missing=missing)
