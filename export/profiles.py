"""The shapes that an engine is compiled and tuned for."""

from dataclasses import dataclass

from export.graphs import Graph
from export.sizes import PictureSizes
from identity import STAGES, picture_rows, prompt_rows

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Profile:
    """One of an engine's optimisation profiles.

    Attributes:
        rows: (fewest, most) rows; it is tuned for the most.
        shapes: for each input the smallest, the tuned and the largest shape.
    """

    rows: tuple[int, int]
    shapes: dict[str, tuple[Shape, Shape, Shape]]

    @property
    def fixed_size(self) -> bool:
        """Whether all but the rows is fixed, so that it can be a CUDA graph."""
        return all(low[1:] == high[1:] for low, _, high in self.shapes.values())


def buckets(most: int) -> list[int]:
    """Powers of two up to ``most``, and ``most`` itself."""
    powers = [1 << power for power in range(most.bit_length()) if 1 << power <= most]
    return sorted({*powers, most})


def profiles(graph: Graph, sizes: PictureSizes, max_rows: int) -> list[Profile]:
    """For every bucket of rows a profile of the base model's own size, and one of the whole range.

    The latter only where there is a range.
    """
    if graph.name in ("vae_decoder", "vae_encoder", "safety_checker"):
        max_rows = picture_rows(max_rows)
    elif graph.name == "text_encoder":
        max_rows = prompt_rows(max_rows, STAGES)
    unit = 1 if graph.name == "vae_encoder" else sizes.pixels_per_latent
    own = (sizes.height // unit, sizes.width // unit)
    small, large = (sizes.smallest // unit,) * 2, (sizes.largest // unit,) * 2
    ranges = [(own, own)]
    if graph.multiple is not None and (small, large) != (own, own):
        ranges.append((small, large))
    found = []
    for low, high in ranges:
        fewest = 1
        for most in buckets(max_rows):
            found.append(
                Profile(
                    (fewest, most),
                    {
                        name: (
                            _shape(graph, name, fewest, low),
                            _shape(graph, name, most, own),
                            _shape(graph, name, most, high),
                        )
                        for name in graph.inputs
                    },
                )
            )
            fewest = most + 1
    return found


def _shape(graph: Graph, name: str, rows: int, picture: Shape) -> Shape:
    fixed = tuple(graph.inputs[name].shape)
    if "height" in graph.free_axes(name).values():
        return (rows, fixed[1], *picture)
    return (rows, *fixed[1:])
