"""The engines give what PyTorch gives, whatever the batch and whichever stages are in it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from basemodel import BaseModel
from export.engines import to_onnxruntime, to_openvino
from export.graphs import Graph, graphs
from export.runtimes import Runtime, load
from identity import STAGES

TOLERANCE = 1e-4  # of the largest value, float32
BOUNDARIES = [0, 199, 200, 399, 400, 599, 600, 799, 800, 999, 500]
GRAPHS = ["text_encoder", "unet", "vae_decoder", "vae_encoder"]
COMPILERS = {"openvino": to_openvino, "onnxruntime": to_onnxruntime}


@pytest.fixture(scope="module")
def graph_of(exported_model: BaseModel) -> dict[str, Graph]:
    return {graph.name: graph for graph in graphs(exported_model, STAGES)}


@pytest.fixture(scope="module", params=["openvino", "onnxruntime"])
def runtimes(
    request: pytest.FixtureRequest,
    onnx_files: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Runtime]:
    loaded = {}
    for name, file in onnx_files.items():
        directory = tmp_path_factory.mktemp(name)
        COMPILERS[request.param](file, directory)
        loaded[name] = load(request.param, directory, threads=1)
    return loaded


def inputs_of(
    graph: Graph, rows: int, multiples: tuple[int, int] = (1, 1)
) -> dict[str, torch.Tensor]:
    """Random inputs of ``rows`` rows; a picture's sides are so many times the least ones."""
    random = torch.Generator().manual_seed(rows)
    inputs = {}
    for name, example in graph.inputs.items():
        shape = [rows, *example.shape[1:]]
        if graph.multiple is not None and len(shape) == 4:
            shape[2:] = [graph.multiple * times for times in multiples]
        inputs[name] = torch.randn(shape, generator=random)
    if "timestep" in inputs:
        inputs["timestep"] = torch.tensor(BOUNDARIES[:rows], dtype=torch.float32)
    return inputs


def assert_close(actual: np.ndarray, expected: torch.Tensor) -> None:
    scale = float(expected.abs().max())
    assert actual.shape == tuple(expected.shape)
    assert np.abs(actual - expected.numpy()).max() <= TOLERANCE * scale


@pytest.mark.parametrize("rows", [1, 2, 11])
@pytest.mark.parametrize("name", GRAPHS)
def test_engine_equals_pytorch(
    runtimes: dict[str, Runtime], graph_of: dict[str, Graph], name: str, rows: int
) -> None:
    inputs = inputs_of(graph_of[name], rows)
    with torch.no_grad():
        expected = graph_of[name].module(*inputs.values())
    answer = runtimes[name]({key: value.numpy() for key, value in inputs.items()})
    assert_close(answer, expected)


@pytest.mark.parametrize("multiples", [(1, 2), (2, 1)])
@pytest.mark.parametrize("name", ["unet", "vae_decoder", "vae_encoder"])
def test_pictures_have_any_size_that_is_a_multiple(
    runtimes: dict[str, Runtime],
    graph_of: dict[str, Graph],
    name: str,
    multiples: tuple[int, int],
) -> None:
    inputs = inputs_of(graph_of[name], 2, multiples)
    with torch.no_grad():
        expected = graph_of[name].module(*inputs.values())
    answer = runtimes[name]({key: value.numpy() for key, value in inputs.items()})
    assert_close(answer, expected)


def test_a_row_is_the_same_in_any_batch(
    runtimes: dict[str, Runtime], graph_of: dict[str, Graph]
) -> None:
    inputs = {key: value.numpy() for key, value in inputs_of(graph_of["unet"], 11).items()}
    together = runtimes["unet"](inputs)
    for row in (0, 5, 10):
        alone = runtimes["unet"]({key: value[row : row + 1] for key, value in inputs.items()})
        assert_close(together[row : row + 1], torch.from_numpy(alone))


def test_equal_keys_and_values_are_the_plain_unet(
    runtimes: dict[str, Runtime], graph_of: dict[str, Graph], exported_checkpoint: Path
) -> None:
    plain = UNet2DConditionModel.from_pretrained(exported_checkpoint, subfolder="unet")
    inputs = inputs_of(graph_of["unet"], 11)
    features = inputs["prompt_embeds_0"].chunk(2, dim=-1)[0]
    for stage in range(STAGES):
        inputs[f"prompt_embeds_{stage}"] = torch.cat([features, features], dim=-1)
    with torch.no_grad():
        expected = plain(inputs["sample"], inputs["timestep"], features).sample
    answer = runtimes["unet"]({key: value.numpy() for key, value in inputs.items()})
    assert_close(answer, expected)


@pytest.mark.parametrize("row", range(len(BOUNDARIES)))
def test_only_the_embeddings_of_the_rows_stage_matter(
    runtimes: dict[str, Runtime], graph_of: dict[str, Graph], row: int
) -> None:
    inputs = {key: value.numpy() for key, value in inputs_of(graph_of["unet"], 11).items()}
    one = {key: value[row : row + 1] for key, value in inputs.items()}
    before = runtimes["unet"](one)
    changing = []
    for stage in range(STAGES):
        name = f"prompt_embeds_{stage}"
        changed = runtimes["unet"]({**one, name: one[name] * -3})
        if not np.array_equal(changed, before):
            changing.append(stage)
    assert changing == [STAGES - 1 - BOUNDARIES[row] * STAGES // 1000]
