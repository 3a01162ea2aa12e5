"""Which sizes of picture a bundle takes: a range of pixels and a multiple, for either side."""

from dataclasses import dataclass
from typing import Any, Self

from basemodel import BaseModel
from export.supported import ExportError


@dataclass(frozen=True)
class PictureSizes:
    """Sizes of a picture in pixels; each side for itself lies within the range.

    Attributes:
        height, width: the base model's own.
        smallest, largest: of a side.
        multiple: both sides are multiples of it: every level of U-Net and VAE halves evenly.
        pixels_per_latent: pixels of a side for each latent.
    """

    height: int
    width: int
    smallest: int
    largest: int
    multiple: int
    pixels_per_latent: int

    @classmethod
    def of(
        cls, base_model: BaseModel, smallest: int | None = None, largest: int | None = None
    ) -> Self:
        """The range asked for; by default from half of the base model's size to double.

        Raises:
            ExportError: the range is empty, leaves out the base model's size, or is no multiple.
        """
        height, width = base_model.image_size
        _, rows, _ = base_model.latent_shape
        factor = height // rows
        multiple = factor * latent_multiple(base_model)
        smallest = smallest or -(-min(height, width) // (2 * multiple)) * multiple
        largest = largest or 2 * max(height, width)
        for name, size in (("--min-size", smallest), ("--max-size", largest)):
            if size % multiple:
                raise ExportError(f"{name} must be a multiple of {multiple}, got {size}")
        if not smallest <= min(height, width) <= max(height, width) <= largest:
            raise ExportError(
                f"--min-size {smallest} to --max-size {largest} leaves out the base model's size, "
                f"{width}x{height}"
            )
        return cls(height, width, smallest, largest, multiple, factor)


def latent_multiple(base_model: BaseModel) -> int:
    """What a latent's sides are multiples of: every level of the U-Net but the last halves them."""
    unet: Any = base_model.unet
    return int(2 ** (len(unet.config.block_out_channels) - 1))
