"""A checkpoint's safety checker: exported, in the sampler, and through Triton to the caller."""

import asyncio
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from typer.testing import CliRunner

from basemodel import BaseModel
from basemodel.source import SAFETY_CHECKER
from deploy.triton import TritonServer
from export.__main__ import app
from export.build import Settings, build
from export.phases import Workshop
from export.runtimes import Runtime, load
from export.safety_checker import Excess, checker_input, load_safety_checker
from export.supported import ExportError
from identity import ServingBundle
from likeness.v1 import generation_service_pb2 as pb
from sampler.engine import EngineError
from sampler.heartbeat import smallest_calls
from sampler.judge import prepared
from sampler.settings import SamplerSettings
from tests.sampler.conftest import Collector, Studio
from tests.service.gateway import Gateway, running
from tests.support import safety_checker as tiny

PROMPT, SEED, BAD = "a photo of a person", 5, 2
"""Of four pictures of the prompt, the third is what the checker is there to hold back."""
MODELS = ("text_encoder", "unet", "vae_decoder", "vae_encoder")

Pictures = dict[int, npt.NDArray[np.uint8]]


def runtimes_of(bundle: Path, *models: str) -> dict[str, Runtime]:
    return {name: load("openvino", bundle / "models" / name / "1", threads=1) for name in models}


async def draw(bundle: Path, runtimes: dict[str, Runtime]) -> Collector:
    studio = Studio(bundle, runtimes, SamplerSettings())
    seeds = tuple(range(SEED, SEED + 4))
    every = np.array([1], np.int32)
    try:
        request = studio.request(PROMPT, seeds=seeds, guidance=7.5, preview_every=every)
        return await studio.draw(request)
    finally:
        studio.sampler.stop()


@pytest.fixture(scope="module")
def drawn(bundle: Path) -> Pictures:
    """Four pictures that nobody judges."""
    collector = asyncio.run(draw(bundle, runtimes_of(bundle, *MODELS)))
    assert len(collector.pictures) == 4
    assert collector.previews
    return collector.pictures


@pytest.fixture(scope="module")
def checker(drawn: Pictures) -> StableDiffusionSafetyChecker:
    made = tiny.random_checker()
    tiny.forbid(made, drawn[BAD], [drawn[index] for index in drawn if index != BAD])
    return made


@pytest.fixture(scope="module")
def judged_bundle(
    exported_checkpoint: Path,
    exported_model: BaseModel,
    checker: StableDiffusionSafetyChecker,
    workshop: Workshop,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The bundle of a checkpoint with this checker."""
    folder = tmp_path_factory.mktemp("judged")
    checkpoint = shutil.copytree(exported_checkpoint, folder / "checkpoint")
    tiny.save(checker, checkpoint)
    loaded = load_safety_checker(checkpoint)
    build(exported_model, folder / "bundle", Settings(max_rows=8), workshop, loaded)
    return folder / "bundle"


@pytest.fixture(scope="module")
def judged_runtimes(judged_bundle: Path) -> dict[str, Runtime]:
    return runtimes_of(judged_bundle, *MODELS, "safety_checker")


@pytest.fixture(scope="module")
def judged_studio(
    judged_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway before a real Triton that judges."""
    folder = tmp_path_factory.mktemp("judged-studio")
    with TritonServer(judged_bundle, folder, threads=1) as triton:
        settings = {"BUNDLE": str(judged_bundle), "TRITON__URL": triton.grpc_address}
        yield from running(Gateway(folder, settings))


def test_the_graph_judges_as_diffusers_does(
    checker: StableDiffusionSafetyChecker, judged_runtimes: dict[str, Runtime]
) -> None:
    pixels = torch.randn(40, 3, tiny.SIDE, tiny.SIDE, generator=torch.Generator().manual_seed(0))
    excess = judged_runtimes["safety_checker"]({"pixel_values": pixels.numpy()})
    expected = Excess(checker)(pixels).detach().numpy()
    assert excess.shape == (40,)
    assert np.abs(excess - expected).max() < 1e-4
    _, flagged = checker(clip_input=pixels, images=[np.zeros(1)] * 40)
    assert ((excess > 0) == flagged).all()


@pytest.mark.parametrize("care", [False, True])
def test_scores_are_those_of_diffusers(care: bool) -> None:
    """Thresholds among the scores of the pictures: many verdicts hang on a hair, or on care."""
    checker = tiny.random_checker(seed=1)
    pixels = torch.randn(200, 3, tiny.SIDE, tiny.SIDE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        seen = checker.visual_projection(checker.vision_model(pixels).pooler_output)
        for embeds, thresholds in (
            (checker.concept_embeds, checker.concept_embeds_weights),
            (checker.special_care_embeds, checker.special_care_embeds_weights),
        ):
            cosines = torch.nn.functional.cosine_similarity(seen[:, None], embeds[None], dim=-1)
            share = 0.9 if embeds is checker.concept_embeds else 0.5
            thresholds.copy_(cosines.quantile(share, dim=0))
    if not care:
        checker.special_care_embeds_weights.fill_(tiny.NEVER)
    excess = Excess(checker)(pixels)
    _, flagged = checker(clip_input=pixels, images=[np.zeros(1)] * 200)
    assert 20 < sum(flagged) < 200
    sure = excess.abs() > 1e-5
    assert sure.sum() > 150
    assert ((excess > 0)[sure] == torch.tensor(flagged)[sure]).all()


@pytest.mark.parametrize("size", [(64, 64), (96, 64), (64, 40), (33, 70)])
def test_pictures_are_prepared_as_transformers_does(
    judged_bundle: Path, size: tuple[int, int]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    takes = ServingBundle.load(judged_bundle).safety_checker
    assert takes is not None
    expected = tiny.feature_extractor()(Image.fromarray(pixels), return_tensors="np")
    assert np.abs(prepared(pixels, takes) - expected["pixel_values"][0]).max() < 1e-5


async def test_a_flagged_picture_never_leaves(judged_studio: Gateway, drawn: Pictures) -> None:
    spec = pb.GenerationSpec(prompt=PROMPT, steps=3, seed=SEED, image_count=4)
    async with judged_studio.stubs() as stubs:
        answer = await stubs.generation.Generate(pb.GenerateRequest(spec=spec))
        request = pb.StreamGenerateRequest(spec=spec, preview_every=1)
        events = [event async for event in stubs.generation.StreamGenerate(request)]
    streamed = sorted((each.image for each in events if each.HasField("image")), key=index_of)
    assert not any(event.HasField("preview") for event in events)
    for images in (answer.images, streamed):
        assert [(each.index, each.seed) for each in images] == [(i, SEED + i) for i in range(4)]
        for image in images:
            assert (image.width, image.height) == drawn[image.index].shape[1::-1]
            if image.index == BAD:
                assert image.finish_reason == pb.GeneratedImage.FINISH_REASON_FILTERED
                assert (image.data, image.mime_type) == (b"", "")
                continue
            assert image.finish_reason == pb.GeneratedImage.FINISH_REASON_COMPLETED
            pixels = np.asarray(Image.open(io.BytesIO(image.data))).astype(int)
            assert np.abs(pixels - drawn[image.index]).max() <= 1
    assert "likeness_images_total 8.0" in judged_studio.metrics()
    assert "likeness_images_filtered_total 2.0" in judged_studio.metrics()


async def test_what_can_not_be_judged_does_not_leave(
    judged_bundle: Path, judged_runtimes: dict[str, Runtime]
) -> None:
    def speechless(inputs: object) -> npt.NDArray[np.float32]:
        return np.array([np.nan] * len(inputs["pixel_values"]), np.float32)  # type: ignore[index]

    def broken(_: object) -> npt.NDArray[np.float32]:
        raise EngineError("safety_checker is broken")

    seen = await draw(judged_bundle, {**judged_runtimes, "safety_checker": speechless})
    assert (sorted(seen.held_back), seen.pictures) == ([0, 1, 2, 3], {})
    with pytest.raises(EngineError, match="safety_checker is broken"):
        await draw(judged_bundle, {**judged_runtimes, "safety_checker": broken})


def test_a_heartbeat_asks_the_checker(
    judged_bundle: Path, judged_runtimes: dict[str, Runtime]
) -> None:
    inputs, output = smallest_calls(ServingBundle.load(judged_bundle))["safety_checker"]
    assert output == "excess"
    assert np.isfinite(judged_runtimes["safety_checker"](inputs)).all()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("do_resize", False, "do_resize false"),
        ("do_rescale", False, "do_rescale false"),
        ("rescale_factor", 1 / 127.5, "rescale_factor 0.0078"),
    ],
)
def test_pictures_that_are_to_be_prepared_otherwise_are_refused(
    name: str, value: object, told: str
) -> None:
    config = tiny.feature_extractor().to_dict()
    assert checker_input(config).side == tiny.SIDE
    with pytest.raises(ValueError, match=rf"{told}\S* is not supported"):
        checker_input({**config, name: value})


def test_an_export_asks_for_a_whole_checker(exported_checkpoint: Path, tmp_path: Path) -> None:
    checkpoint = shutil.copytree(exported_checkpoint, tmp_path / "checkpoint")
    arguments = ("--checkpoint", str(checkpoint), "--out", str(tmp_path / "out"))
    result = CliRunner().invoke(app, [*arguments, "--safety-checker"])
    assert result.exit_code == 1
    assert f"no {SAFETY_CHECKER[0]}" in result.stderr
    tiny.save(tiny.random_checker(), checkpoint)
    load_safety_checker(checkpoint)
    weights = checkpoint / "safety_checker/model.safetensors"
    weights.write_bytes(weights.read_bytes().replace(b"layer_norm1.bias", b"layer_norm9.bias"))
    with pytest.raises(ExportError, match=r"no \S+layer_norm1.bias"):
        load_safety_checker(checkpoint)
    config = checkpoint / SAFETY_CHECKER[0]
    config.write_text(config.read_text().replace('"do_resize": true', '"do_resize": false'))
    with pytest.raises(ExportError, match="do_resize false is not supported"):
        load_safety_checker(checkpoint)


def index_of(image: pb.GeneratedImage) -> int:
    return int(image.index)
