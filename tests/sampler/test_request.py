"""A request is checked before any work starts, and the message names tensor and limit."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sampler.request import parse_request
from sampler.tensors import RequestError
from tests.support.plain_bundle import BUNDLE
from tests.support.serving import request_tensors

VOCABULARY = 10
IDS = np.arange(8, dtype=np.int64)
PIXELS = np.zeros((64, 64, 3), np.uint8)


def text(word: str) -> npt.NDArray[np.object_]:
    return np.array([word.encode()], np.object_)


def tensors(**changes: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    return {**request_tensors(IDS, IDS), **changes}


def placed(positions: list[int], rows: list[int], people: int = 1) -> dict[str, npt.NDArray[Any]]:
    return {
        "placeholder_positions": np.array(positions, np.int32),
        "placeholder_identities": np.array(rows, np.int32),
        "identities": np.zeros((people, 5, 2, 4), np.float32),
    }


def test_reads_a_plain_prompt() -> None:
    request = parse_request(tensors(), BUNDLE, VOCABULARY)
    assert request.placeholders == ()
    assert request.identities.shape == (0, 5, 2, 4)
    assert (request.seeds, request.steps, request.guidance_scale) == ((0,), 3, 4.0)
    assert request.guided


def test_guidance_of_one_needs_no_unconditional_row() -> None:
    guidance = np.array([1], np.float32)
    assert not parse_request(tensors(guidance_scale=guidance), BUNDLE, VOCABULARY).guided


def test_reads_several_placeholders_of_one_identity() -> None:
    request = parse_request(tensors(**placed([2, 5], [0, 0])), BUNDLE, VOCABULARY)
    assert [(each.word, each.position) for each in request.placeholders] == [("0", 2), ("0", 5)]


def test_what_is_left_open_is_the_bundles_size_and_plain_ddim() -> None:
    request = parse_request(tensors(), BUNDLE, VOCABULARY)
    assert (request.height, request.width, request.scheduler) == (64, 64, "ddim")
    assert (request.tenant, request.priority, request.preview_every) == ("", 0, 0)
    assert request.init_image is None
    assert request.steps_taken == request.steps
    assert [request.guided_at(timestep) for timestep in (999, 0)] == [True, True]


@pytest.mark.parametrize(
    ("steps", "strength", "taken"),
    [(10, 0.7, 7), (10, 1.0, 10), (3, 0.1, 1), (50, 0.29, 14), (100, 0.01, 1)],
)
def test_an_initial_picture_saves_steps(steps: int, strength: float, taken: int) -> None:
    changes = {
        "steps": np.array([steps], np.int32),
        "init_image": PIXELS,
        "init_strength": np.array([strength], np.float32),
    }
    assert parse_request(tensors(**changes), BUNDLE, VOCABULARY).steps_taken == taken


def test_guidance_is_within_its_interval() -> None:
    interval = np.array([700, 200], np.float32)
    request = parse_request(tensors(guidance_interval=interval), BUNDLE, VOCABULARY)
    assert [request.guided_at(t) for t in (701, 700, 200, 199)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": np.array([0], np.int32)}, "steps must be 1 to 150, got 0"),
        ({"steps": np.array([151], np.int32)}, "steps must be 1 to 150, got 151"),
        ({"steps": np.array([1, 2], np.int32)}, r"steps must be \[1\], got \[2\]"),
        ({"guidance_scale": np.array([np.nan], np.float32)}, "guidance_scale must be 1 to 30"),
        ({"guidance_scale": np.array([0.5], np.float32)}, "guidance_scale must be 1 to 30"),
        ({"guidance_scale": np.array([31], np.float32)}, "guidance_scale must be 1 to 30"),
        ({"seeds": np.zeros(0, np.int64)}, "seeds must be 1 to 16 numbers"),
        ({"seeds": np.zeros(17, np.int64)}, "seeds must be 1 to 16 numbers"),
        ({"seeds": np.array([-1])}, "seeds must not be negative"),
        ({"prompt_ids": IDS[:7]}, r"prompt_ids must be \[8\], got \[7\]"),
        ({"prompt_ids": IDS + 3}, r"prompt_ids must lie in \[0, 10\)"),
        ({"negative_ids": IDS - 1}, r"negative_ids must lie in \[0, 10\)"),
        (placed([8], [0]), r"placeholder_positions must lie in \[0, 8\)"),
        (placed([-1], [0]), r"placeholder_positions must lie in \[0, 8\)"),
        (placed([2, 2], [0, 0]), "placeholder_positions must differ"),
        (placed([2], [1]), r"placeholder_identities must lie in \[0, 1\)"),
        (placed([2], [0, 0]), "must be equally long"),
        (placed([2], [0], people=0), r"placeholder_identities must lie in \[0, 0\)"),
        ({"identities": np.zeros((1, 1, 2, 4), np.float32)}, r"identities must be \[N, 5, 2, 4\]"),
        ({"identities": np.full((1, 5, 2, 4), np.inf, np.float32)}, "identities must be finite"),
        ({"scheduler": text("heun")}, "scheduler must be one of ddim, .*, got 'heun'"),
        ({"size": np.array([64], np.int32)}, "size must be height and width"),
        ({"size": np.array([64, 136], np.int32)}, "size must be 32 to 128 in multiples of 8"),
        ({"size": np.array([60, 64], np.int32)}, r"multiples of 8, got \[60, 64\]"),
        ({"init_image": np.zeros((64, 32, 3), np.uint8)}, r"init_image must be \[64, 64, 3\]"),
        (
            {"init_image": PIXELS, "init_strength": np.zeros(1, np.float32)},
            "init_strength must be 0.01 to 1, got 0",
        ),
        ({"guidance_interval": np.array([100, 900], np.float32)}, "1000 >= first >= last >= 0"),
        ({"guidance_interval": np.array([np.nan, 0], np.float32)}, "1000 >= first >= last >= 0"),
        ({"preview_every": np.array([-1], np.int32)}, "preview_every must be 0 to 150, got -1"),
        ({"priority": np.array([2], np.int32)}, "priority must be -1 to 1, got 2"),
        ({"tenant": text("a" * 129)}, "tenant has 129 characters, the limit is 128"),
        ({"seconds_left": np.array([-1], np.float32)}, "seconds_left must be 0 to 86400, got -1"),
    ],
)
def test_names_what_is_wrong(changes: dict[str, npt.NDArray[Any]], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        parse_request(tensors(**changes), BUNDLE, VOCABULARY)


def test_names_what_is_missing() -> None:
    with pytest.raises(RequestError, match="seeds is missing"):
        parse_request({**tensors(), "seeds": None}, BUNDLE, VOCABULARY)
