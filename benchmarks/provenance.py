"""``python -m benchmarks.provenance``: how often the watermark is found, and what provenance costs.

Prints the tables of docs/provenance.md. Pictures are crops of scikit-image's own photographs,
drawings and textures, scaled to the size that is measured.
"""

import io
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import SecretStr
from skimage import data

from service import watermark
from service.credentials import ContentCredentials
from service.pictures import Making, encode_png
from service.settings import ProvenanceSettings
from service.trial_certificate import write_trial_certificate

Pixels = npt.NDArray[np.uint8]

COLOR = ("astronaut", "chelsea", "coffee", "rocket", "retina", "hubble_deep_field")
GREY = ("camera", "brick", "grass", "gravel", "coins", "moon", "page", "text")
CROPS = 10
"""Of each source."""

KEYS = 40
"""Other keys that each unmarked picture is compared with."""

KEY = b"benchmark"
SIDES = (128, 192, 256, 512)


def main() -> None:
    """Prints the tables."""
    print("| side | copy | found | lowest score | median |\n|---|---|---|---|---|")
    changes = []
    for side in SIDES:
        scores: dict[str, list[float]] = {}
        for picture in pictures(side):
            marked = watermark.mark(picture, KEY)
            if side == 512:
                changes.append(float(np.mean((marked.astype(np.float64) - picture) ** 2)))
            for name, copy in copies(marked).items():
                scores.setdefault(name, []).append(watermark.score(copy, KEY))
        for name, found in scores.items():
            share = np.mean(np.array(found) >= watermark.THRESHOLD)
            print(
                f"| {side} | {name} | {share:.1%} of {len(found)} "
                f"| {min(found):.1f} | {np.median(found):.1f} |"
            )
    ratios = 10 * np.log10(255**2 / np.array(changes))
    print(f"\nPSNR at 512: median {np.median(ratios):.1f} dB, lowest {min(ratios):.1f} dB")
    chance = [
        watermark.score(picture, str(key).encode())
        for picture in pictures(512)
        for key in range(KEYS)
    ]
    false = sum(score >= watermark.THRESHOLD for score in chance)
    print(
        f"Unmarked, {KEYS} keys: {false} of {len(chance)} found, highest score {max(chance):.1f}, "
        f"standard deviation {np.std(chance):.2f}\n"
    )
    costs()


def costs() -> None:
    """Prints the table of milliseconds."""
    with tempfile.TemporaryDirectory() as directory:
        chain, key, _ = write_trial_certificate(Path(directory))
        credentials = ContentCredentials(
            ProvenanceSettings(watermark_key=SecretStr("x"), certificates=chain, private_key=key)
        )
    print("| side | PNG | watermark | Content Credentials |\n|---|---|---|---|")
    for side in (64, 512):
        picture = next(pictures(side))
        png = encode_png(picture, Making(1, 50, 7.5, "ddim", "sha256:0"))
        times = (
            milliseconds(lambda: encode_png(picture, Making(1, 50, 7.5, "ddim", "sha256:0"))),  # noqa: B023
            milliseconds(lambda: watermark.mark(picture, KEY))  # noqa: B023
            if watermark.can_carry(side, side)
            else None,
            milliseconds(lambda: credentials.signed(png, True)),  # noqa: B023
        )
        shown = ("none: too small" if each is None else f"{each:.1f} ms" for each in times)
        print(f"| {side} | {' | '.join(shown)} |")


def milliseconds(work: Callable[[], object], times: int = 30) -> float:
    """CPU time of the fastest of several runs."""
    taken = []
    for _ in range(times):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken) * 1000


def copies(marked: Pixels) -> dict[str, Pixels]:
    """What becomes of a picture on its way."""
    smaller = scaled(marked, marked.shape[0] * 3 // 4)
    return {
        "PNG": marked,
        "JPEG q80": as_jpeg(marked),
        "75 %": smaller,
        "75 %, JPEG q80": as_jpeg(smaller),
    }


def pictures(side: int) -> Iterator[Pixels]:
    """The same crops in each call."""
    chance = np.random.default_rng(0)
    for name in COLOR + GREY:
        source = getattr(data, name)()
        if source.ndim == 2:
            source = np.stack([source] * 3, -1)
        height, width = source.shape[:2]
        largest = min(height, width)
        for _ in range(CROPS):
            crop = chance.integers(largest * 6 // 10, largest + 1)
            top, left = chance.integers(height - crop + 1), chance.integers(width - crop + 1)
            yield scaled(source[top : top + crop, left : left + crop], side)


def scaled(pixels: Pixels, side: int) -> Pixels:
    """A square of another size."""
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC))


def as_jpeg(pixels: Pixels) -> Pixels:
    """After a JPEG of quality 80."""
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=80)
    return np.asarray(Image.open(encoded))


if __name__ == "__main__":
    main()
