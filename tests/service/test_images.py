"""Pictures that callers send: what becomes of them; no file harms more than its process."""

import asyncio
import io
import random
import resource
import struct
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil
import pytest
from c2pa import Builder, C2paSignerInfo, Signer
from PIL import Image

from service import images
from service.decoding import ImageRefusedError
from service.errors import ResourceExhaustedError
from service.images import ImageDecoder
from service.manifests import SOURCE_TYPE
from service.trial_certificate import write_trial_certificate
from tests.service.gateway import encode
from tests.support.color_profiles import (
    BACKWARDS,
    DISPLAY_P3,
    GREY,
    GREY_PRESS,
    RED,
    telephone_picture,
)
from tests.support.odd_exif import text_tag

HEIC = (Path(__file__).parent / "photo.heic").read_bytes()
"""48x64, blue in the upper right quarter, else red; its EXIF has a note."""

MUTANTS, SIGNED_MUTANTS = 2400, 400
ORIENTATION = 0x0112


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png), formats=["PNG"])


def quartered() -> Image.Image:
    image = Image.new("RGB", (64, 48), "red")
    image.paste("blue", (0, 0, 32, 24))
    return image


def turned(kind: str) -> bytes:
    """On its side, as cameras save pictures, with a note where it was taken."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x010E] = 6, "home of Ann"
    return saved(quartered(), kind, exif=exif, lossless=True)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """A file of it."""
    encoded = io.BytesIO()
    image.save(encoded, kind, **options)  # type: ignore[arg-type]
    return encoded.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "HEIC"])
async def test_a_picture_is_turned_upright_and_stripped(decoder: ImageDecoder, kind: str) -> None:
    data = HEIC if kind == "HEIC" else turned(kind)
    png = await decoder.clean_png(data)
    image = opened(png)
    assert (image.mode, image.size, image.info) == ("RGB", (48, 64), {})
    assert not image.getexif()
    assert b"Ann" not in png
    red, _, blue = image.getpixel((36, 10))  # type: ignore[misc]
    assert blue > 200 > 60 > red
    assert (await decoder.pixels(data) == np.asarray(image)).all()
    fitted = await decoder.fitted(data, 64, 48)
    assert abs(fitted[10, 36].astype(int) - (red, _, blue)).max() < 3


async def test_depth_transparency_and_palette_are_seen_as_a_viewer_shows_them(
    decoder: ImageDecoder,
) -> None:
    deep = Image.new("I;16", (40, 40), 40_000)
    clear = Image.new("RGBA", (40, 40), (200, 0, 0, 0))
    palette = Image.new("RGB", (40, 40), "teal").quantize(4)
    for image, expected in ((deep, (155,) * 3), (clear, (255,) * 3), (palette, (0, 128, 128))):
        seen = opened(await decoder.clean_png(encode(image))).getpixel((20, 20))
        assert max(abs(a - b) for a, b in zip(seen, expected, strict=True)) <= 1  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
async def test_colours_are_those_of_the_profile(decoder: ImageDecoder, mode: str) -> None:
    data = saved(telephone_picture(mode), icc_profile=DISPLAY_P3)
    image = opened(await decoder.clean_png(data))
    assert image.info == {}
    assert np.abs(np.asarray(image).astype(int) - RED).max() <= 2


async def test_inks_are_those_of_the_profile_and_what_is_clear_is_white(
    decoder: ImageDecoder,
) -> None:
    printed = Image.new("CMYK", (40, 40), (0, 255, 255, 0))
    seen = await decoder.pixels(saved(printed, "JPEG", icc_profile=GREY_PRESS))
    assert np.abs(seen.astype(int) - GREY).max() <= 2
    clear = Image.new("RGBA", (40, 40), (200, 0, 0, 0))
    assert (await decoder.pixels(saved(clear, icc_profile=DISPLAY_P3))).min() == 255
    red = Image.new("RGB", (40, 40), "red")
    assert (await decoder.pixels(saved(red, transparency=(255, 0, 0)))).min() == 255


async def test_a_profile_of_a_heic_counts_too(decoder: ImageDecoder) -> None:
    red, _, blue = (await decoder.pixels(with_profile(HEIC, BACKWARDS)))[10, 36]
    assert red > 200 > 60 > blue


@pytest.mark.parametrize("profile", [b"?", DISPLAY_P3[:300], GREY_PRESS])
async def test_a_profile_that_does_not_fit_changes_nothing(
    decoder: ImageDecoder, profile: bytes
) -> None:
    plain = await decoder.pixels(saved(telephone_picture()))
    odd = await decoder.pixels(saved(telephone_picture(), icc_profile=profile))
    assert (odd == plain).all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_of_the_exif_only_a_readable_orientation_matters(
    decoder: ImageDecoder, kind: str
) -> None:
    for tag in (0x011A, 0x0128):  # resolution and its unit
        data = saved(quartered(), kind, exif=text_tag(tag), lossless=True)
        seen = await decoder.pixels(data)
        assert seen.shape == (64, 48, 3)
        assert seen[10, 36, 2] > 200 > 60 > seen[10, 36, 0]
    cut = await decoder.pixels(saved(quartered(), kind, exif=text_tag(0x011A)[:12], lossless=True))
    assert (cut == await decoder.pixels(saved(quartered(), kind, lossless=True))).all()


async def test_a_large_photograph_is_kept_as_large_as_is_of_use(decoder: ImageDecoder) -> None:
    large = opened(await decoder.clean_png(encode(Image.new("RGB", (6000, 4000)), "JPEG")))
    assert large.size == (1536, 1024)


async def test_a_film_is_refused_and_a_jpeg_with_a_second_picture_is_not(
    decoder: ImageDecoder,
) -> None:
    frames = [Image.new("RGB", (40, 40), color) for color in ("red", "blue")]
    for kind in ("PNG", "WEBP", "MPO"):
        encoded = io.BytesIO()
        frames[0].save(encoded, kind, save_all=True, append_images=frames[1:])
        if kind == "MPO":
            assert await decoder.clean_png(encoded.getvalue())
        else:
            with pytest.raises(ImageRefusedError, match="has 2 frames, the limit is 1"):
                await decoder.clean_png(encoded.getvalue())


async def test_what_takes_too_long_or_kills_the_decoder_costs_no_other_picture(
    decoder: ImageDecoder, monkeypatch: pytest.MonkeyPatch, photo: bytes
) -> None:
    monkeypatch.setattr(images, "PROCESSES", 1)
    decoder = ImageDecoder()
    await decoder.clean_png(photo)
    (process,) = children()
    process.suspend()
    with monkeypatch.context() as patched:
        patched.setattr(images, "TIME_LIMIT", 0.2)
        with pytest.raises(ImageRefusedError, match=r"too long to decode, the limit is 0.2 s"):
            await decoder.clean_png(photo)
    assert await decoder.clean_png(photo)
    (another,) = children()
    assert another.pid != process.pid
    another.kill()  # from outside: the picture is not to blame
    assert await decoder.clean_png(photo)
    await decoder.close()


async def test_who_waits_too_long_for_a_decoder_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch, photo: bytes
) -> None:
    monkeypatch.setattr(images, "PROCESSES", 1)
    monkeypatch.setattr(images, "TURN_LIMIT", 0.1)
    decoder = ImageDecoder()
    await decoder.clean_png(photo)
    (process,) = children()
    process.suspend()
    first = asyncio.create_task(decoder.clean_png(photo))
    with pytest.raises(ResourceExhaustedError, match="too many pictures wait"):
        await asyncio.wait_for(decoder.clean_png(photo), 10)
    process.resume()
    assert await first
    await decoder.close()


async def test_a_picture_that_kills_its_decoder_twice_is_damaged(
    decoder: ImageDecoder, monkeypatch: pytest.MonkeyPatch, photo: bytes
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ImageRefusedError, match="is damaged"):
        await decoder.clean_png(photo)


async def test_a_decoder_has_limits_and_no_secrets(
    decoder: ImageDecoder, monkeypatch: pytest.MonkeyPatch, photo: bytes
) -> None:
    monkeypatch.setenv("LIKENESS_DATABASE__URL", "postgresql://user:secret@host/db")
    await decoder.clean_png(photo)
    (process,) = children()
    assert process.rlimit(resource.RLIMIT_AS) == (2**30, 2**30)
    assert process.rlimit(resource.RLIMIT_FSIZE) == (0, 0)
    assert not any(name.startswith("LIKENESS") for name in process.environ())


async def test_mutated_files_crash_nothing_and_leak_nothing(decoder: ImageDecoder) -> None:
    assert await decoder.clean_png(HEIC)
    (process,) = children()
    this = psutil.Process()
    resident, files = this.memory_info().rss, this.num_fds()
    outcomes: Counter[str] = Counter()
    for mutant in mutants(seeds(), MUTANTS):
        try:
            await decoder.clean_png(mutant)
            outcomes["taken"] += 1
        except ImageRefusedError as error:
            outcomes[str(error)] += 1
    assert outcomes.total() == MUTANTS
    assert outcomes["taken"] > 50  # a changed pixel is no damage
    assert outcomes["is damaged"] > MUTANTS / 4
    assert children() == [process]  # none has died
    assert process.num_fds() <= 4
    assert this.num_fds() == files
    print(f"decoder {peak(process) / 1e6:.0f} MB, {dict(outcomes)}")
    assert peak(process) < 100e6
    assert this.memory_info().rss - resident < 20e6


async def test_mutated_credentials_crash_nothing_and_leak_nothing(
    decoder: ImageDecoder, tmp_path: Path
) -> None:
    chain, key, anchor = write_trial_certificate(tmp_path)
    info = C2paSignerInfo(b"es256", chain.read_bytes(), key.read_bytes(), None)
    with Signer.from_info(info) as signer:
        whole = [signed(data, mime_type, signer) for mime_type, data in unsigned().items()]
    for data in whole:
        manifest = await decoder.manifest(data, anchor.read_text())
        assert (manifest.state, manifest.machine_made) == ("Trusted", True)
    (process,) = children()
    this = psutil.Process()
    resident, files = this.memory_info().rss, this.num_fds()
    outcomes: Counter[str] = Counter()
    for mutant in mutants(whole, SIGNED_MUTANTS):
        outcomes[(await decoder.manifest(mutant, anchor.read_text())).state] += 1
    assert outcomes["Invalid"] > SIGNED_MUTANTS / 2
    assert outcomes["Absent"] > 0
    assert children() == [process]  # none has died
    assert process.num_fds() <= 4
    assert this.num_fds() == files
    print(f"decoder {peak(process) / 1e6:.0f} MB, {dict(outcomes)}")
    assert peak(process) < 100e6
    assert this.memory_info().rss - resident < 20e6


def with_profile(heic: bytes, profile: bytes) -> bytes:
    """The file with an ICC profile in place of its coded colour space."""
    start = heic.index(b"colr") - 4
    (size,) = struct.unpack_from(">I", heic, start)
    box = struct.pack(">I4s4s", 12 + len(profile), b"colr", b"prof") + profile
    changed, more = bytearray(heic), len(box) - size
    places = [heic.index(name) - 4 for name in (b"meta", b"iprp", b"ipco")]  # sizes of these
    places += [heic.index(b"iloc") + 16, heic.index(b"iloc") + 34]  # where picture and EXIF lie
    for place in places:
        struct.pack_into(">I", changed, place, struct.unpack_from(">I", heic, place)[0] + more)
    changed[start : start + size] = box
    return bytes(changed)


def children() -> list[psutil.Process]:
    """The decoders of this process."""
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "service.decoding" in child.cmdline()
    ]


def peak(process: psutil.Process) -> int:
    """The most memory in bytes that it ever had."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def unsigned() -> dict[str, bytes]:
    """A picture of each format, by its MIME type."""
    pictures = {f"image/{kind.lower()}": turned(kind) for kind in ("PNG", "JPEG", "WEBP")}
    return {**pictures, "image/heic": HEIC}


def signed(data: bytes, mime_type: str, signer: Signer) -> bytes:
    """The picture with Content Credentials."""
    actions = [{"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}]
    assertions = [{"label": "c2pa.actions.v2", "data": {"actions": actions}}]
    whole = io.BytesIO()
    with Builder({"format": mime_type, "assertions": assertions}) as builder:
        builder.sign(signer, mime_type, io.BytesIO(data), whole)
    return whole.getvalue()


def seeds() -> list[bytes]:
    """Pictures of all formats and kinds."""
    noise = Image.effect_noise((48, 48), 60)
    color = Image.merge("RGB", (noise, noise.rotate(90), noise.rotate(180)))
    seeds = [
        HEIC,
        saved(color, icc_profile=DISPLAY_P3),
        saved(color.convert("CMYK"), "JPEG", icc_profile=GREY_PRESS),
        encode(color),
        encode(noise.convert("I;16")),
        encode(color.quantize(16)),
        encode(color.convert("RGBA"), "WEBP"),
        encode(color, "JPEG"),
        encode(color.convert("CMYK"), "JPEG"),
        *(turned(kind) for kind in ("PNG", "JPEG", "WEBP")),
    ]
    for progressive in (True, False):
        encoded = io.BytesIO()
        color.save(encoded, "JPEG", progressive=progressive, quality=30)
        seeds.append(encoded.getvalue())
    return seeds


def mutants(seeds: Sequence[bytes], count: int) -> Iterator[bytes]:
    """Files with bits flipped, bytes repeated, moved or cut off."""
    chance = random.Random(7)
    for number in range(count):
        mutant = bytearray(seeds[number % len(seeds)])
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(mutant))
            match chance.randrange(5):
                case 0:
                    mutant[at] ^= 1 << chance.randrange(8)
                case 1:
                    mutant[at : at + 4] = chance.choice(
                        (b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff")
                    )
                case 2:
                    mutant[at:at] = mutant[at : at + chance.randint(1, 64)]
                case 3:
                    del mutant[at : at + chance.randint(1, 16)]
                case 4 if len(mutant) > 64:
                    header = chance.randrange(64)
                    mutant[header] = chance.randrange(256)
        yield bytes(mutant[: chance.randint(1, len(mutant))] if chance.random() < 0.2 else mutant)
