"""Pictures and plots as text that stands in the page itself."""

import base64
import io
import re
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from cycler import cycler
from matplotlib.figure import Figure
from PIL import Image

# Stand-ins that the page's own colours replace, so that plots follow its light and dark themes.
INK, MUTED, RULE, ACCENT, SECOND, THIRD = (
    f"#0{number}0{number}0{number}" for number in range(1, 7)
)
_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    RULE: "rule",
    ACCENT: "accent",
    SECOND: "second",
    THIRD: "third",
}
_STYLE: Any = {
    "axes.edgecolor": RULE,
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 1,
    "axes.prop_cycle": cycler(color=[ACCENT, SECOND, THIRD]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.color": RULE,
    "ytick.labelcolor": MUTED,
}
_LOSSY: dict[str, Any] = {"format": "WEBP", "quality": 90, "method": 6}
_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def picture(pixels: npt.NDArray[np.uint8]) -> str:
    """A data URI of a picture ``[H, W, 3]`` or ``[H, W]``."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, **_LOSSY)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def style() -> Any:
    """Context in which plots are made: one look for all of them."""
    return mpl.rc_context(_STYLE)


def plot(figure: Figure) -> str:
    """The figure as an SVG element, as wide as the page lets it be."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata=_METADATA)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"| (?:width|height)="[\d.]+pt"', "", svg)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # nothing refers to them, and plots share their names
    for stand_in, name in _VARIABLES.items():
        svg = svg.replace(stand_in, f"var(--{name})")
    return svg
