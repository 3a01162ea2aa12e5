"""What was measured of the gateway, and its tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from skimage import data

from benchmarks.gateway_load import Rate, Use
from benchmarks.provenance import milliseconds
from benchmarks.tables import Row, Table
from service import watermark
from service.pictures import Making, encode_png

OVERHEAD_BARS = {64: 3.0, 512: 15.0}
"""Milliseconds by the side of a picture."""
CONTROL_BAR = 1000
"""Calls for a second of a core."""


@dataclass
class Overhead:
    """Latencies in seconds of a picture of some side: from Triton, and through a gateway that
    doesn't sign its pictures, and one that does.
    """

    side: int
    direct: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    signed: list[float] = field(default_factory=list)

    def added(self, through: Sequence[float]) -> float:
        """Milliseconds more than Triton's own, in the median of pairs."""
        return 1000 * float(np.median(np.subtract(through, self.direct)))


@dataclass
class QuotaCost:
    """Rates of `GetIdentity` and `Generate` without quotas (free) and with them (bound)."""

    free_calls: list[Rate] = field(default_factory=list)
    bound_calls: list[Rate] = field(default_factory=list)
    free_drawings: list[Rate] = field(default_factory=list)
    bound_drawings: list[Rate] = field(default_factory=list)


@dataclass
class Streams:
    """Rounds of many streams at once: what is used before, at most in each, and after each."""

    count: int
    steps: int
    rest: list[Use]
    most: list[Use] = field(default_factory=list)
    messages: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0


def overhead(found: list[Overhead]) -> Table:
    """What `Generate` adds to a call of Triton."""
    rows = []
    for each in found:
        side, direct = f"{each.side} px", 1000 * float(np.median(each.direct))
        plain = each.added(each.plain)
        bar = OVERHEAD_BARS[each.side]
        held = f"<= {bar:g} ms: {'reached' if plain <= bar else 'missed'}"
        png, mark = _encoding(each.side)
        rows += [
            Row(f"{side}: Triton, called directly", f"{direct:.1f} ms"),
            Row(f"{side}: `Generate` adds", f"{plain:.1f} ms", held),
            Row(f"{side}: of it the PNG, CPU time", f"{png:.1f} ms"),
            Row(f"{side}: of it the watermark, CPU time", mark),
            Row(
                f"{side}: Content Credentials add",
                f"{each.added(each.signed) - plain:.1f} ms",
            ),
        ]
    text = (
        f"One picture a request, one request at a time, medians of {len(found[0].direct)}. The "
        "PNG with its watermark is what a picture is sent as; Content Credentials need a "
        "certificate. SQLite."
    )
    return Table("What the gateway adds", text, rows)


def _encoding(side: int) -> tuple[float, str]:
    """Milliseconds of PNG and watermark."""
    steps = np.arange(side) * 512 // side
    pixels = data.astronaut()[steps][:, steps]  # type: ignore[no-untyped-call]
    making = Making(1, 50, 7.5, "ddim", "sha256:0")
    png = milliseconds(lambda: encode_png(pixels, making))
    if not watermark.can_carry(side, side):
        return png, "none: too small"
    return png, f"{milliseconds(lambda: watermark.mark(pixels, b'benchmark')):.1f} ms"


def control(rates: Mapping[str, Mapping[str, Rate]], processes: Mapping[int, Rate]) -> Table:
    """Calls of the control plane."""
    rows = [
        Row(
            f"`{method}`, {database}",
            f"{each.a_core:.0f}/s a core; {each.each_second:.0f}/s on the clock, "
            f"median {1000 * each.median:.1f} ms",
            f">= {CONTROL_BAR}/s a core: {'reached' if each.a_core >= CONTROL_BAR else 'missed'}",
        )
        for database, methods in rates.items()
        for method, each in methods.items()
    ]
    rows += [
        Row(
            f"`GetIdentity`, SQLite, {count} process(es)",
            f"{each.each_second:.0f}/s on the clock, {each.a_core:.0f}/s a core",
        )
        for count, each in processes.items()
    ]
    text = (
        "Calls a second of the gateway's CPU time, which other work on the machine hardly changes; "
        "on the clock, callers and database share the cores with the gateway. `Check` of health is "
        "a call of gRPC and nothing else."
    )
    return Table("Control calls", text, rows)


def quotas(found: Mapping[str, QuotaCost]) -> Table:
    """What quotas cost."""
    rows = []
    for database, cost in found.items():
        for what, free, bound in (
            ("`GetIdentity`", cost.free_calls, cost.bound_calls),
            ("`Generate`, 64 px", cost.free_drawings, cost.bound_drawings),
        ):
            cpu = [1000 / np.median([each.a_core for each in side]) for side in (free, bound)]
            wait = [1000 * np.median([each.median for each in side]) for side in (free, bound)]
            rows.append(
                Row(
                    f"{what}, {database}",
                    f"CPU {cpu[0]:.2f} -> {cpu[1]:.2f} ms, "
                    f"median latency {wait[0]:.1f} -> {wait[1]:.1f} ms",
                )
            )
    text = "A call without quotas -> with a rate, drawings at a time and identities limited."
    return Table("Cost of quotas", text, rows)


def streams(found: Streams) -> Table:
    """Many streams at once."""
    rest, most = found.rest, found.most
    grown = rest[-1].memory - rest[1].memory
    rows = [
        Row("messages", f"{found.messages / found.seconds:.0f}/s on the clock"),
        Row("CPU time of a message", f"{1e3 * found.cpu_seconds / found.messages:.2f} ms"),
        Row("memory before", f"{rest[0].memory:.0f} MiB"),
        Row("memory with all streams open", _each(use.memory for use in most) + " MiB"),
        Row("memory after each round", _each(use.memory for use in rest[1:]) + " MiB", "flat"),
        Row("grown from the first round's end to the last's", f"{grown:+.1f} MiB"),
        Row("files with all streams open, and after", f"{most[-1].files}, {rest[-1].files}"),
    ]
    text = (
        f"{found.count} calls of `StreamGenerate` at once on one process, {found.steps} steps "
        f"each, {len(most)} rounds. SQLite."
    )
    return Table(f"{found.count} streams", text, rows)


def soak(uses: list[Use]) -> Table:
    """A long time under everything that callers do."""
    settled = uses[len(uses) // 3 :]
    slope = 3600 * float(np.polyfit(range(len(settled)), [use.memory for use in settled], 1)[0])
    rows = [
        Row("seconds", str(len(uses))),
        Row("CPU", f"{(uses[-1].seconds - uses[0].seconds) / len(uses):.2f} cores"),
        Row(
            "memory at the start, after a third, at the end",
            _each(uses[place].memory for place in (0, len(uses) // 3, -1)) + " MiB",
        ),
        Row("slope after the first third", f"{slope:+.1f} MiB an hour", "about 0"),
        Row(
            "files after a third, at the end", _each(use.files for use in (settled[0], settled[-1]))
        ),
    ]
    text = (
        "Import, draw, stream, get, list and delete, over and over; looked at every second. SQLite."
    )
    return Table("Soak", text, rows)


def _each(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.0f}" for value in values)
