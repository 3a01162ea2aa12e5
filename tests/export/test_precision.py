"""Half precision stays near single precision, and finite where Stable Diffusion overflows."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from basemodel import BaseModel, load
from export.graphs import Graph, graphs
from export.onnx_file import write_onnx
from export.precision import WideNorm, narrow, wide_attention
from export.previews import fit_latent_rgb
from export.profiles import profiles
from export.sizes import PictureSizes
from export.target import Precision, Target
from export.tensorrt_engine import Compilation, compile_engine
from export.tensorrt_library import library
from identity import STAGES
from tests.support.random_checkpoint import write_random_checkpoint

TOLERANCES = {Precision.FP16: 5e-3, Precision.BF16: 4e-2}  # of the largest value


@pytest.fixture(scope="module")
def second_generation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SD 2.x: it asks for attention in a wider type."""
    path = tmp_path_factory.mktemp("second") / "checkpoint"
    return write_random_checkpoint(path, generation=2, levels=2)


def unet_of(base_model: BaseModel) -> Graph:
    return next(graph for graph in graphs(base_model, STAGES) if graph.name == "unet")


def inputs_of(graph: Graph) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    inputs = {
        name: torch.randn(2, *example.shape[1:], generator=random)
        for name, example in graph.inputs.items()
    }
    inputs["timestep"] = torch.tensor([199.0, 800.0])
    return inputs


def run(graph: Graph, inputs: dict[str, Tensor]) -> Tensor:
    with torch.no_grad():
        result: Tensor = graph.module(*inputs.values())
    return result


@pytest.mark.parametrize("precision", list(TOLERANCES))
def test_unet_is_near_single_precision(second_generation: Path, precision: Precision) -> None:
    single = unet_of(load(second_generation))
    inputs = inputs_of(single)
    expected = run(single, inputs)
    base_model = load(second_generation)
    narrow(base_model, precision)
    assert base_model.unet.conv_in.weight.dtype == precision.dtype
    answer = run(unet_of(base_model), inputs)
    assert answer.dtype == torch.float32
    assert (answer - expected).abs().max() <= TOLERANCES[precision] * expected.abs().max()


@pytest.fixture(scope="module")
def half_precision_onnx(second_generation: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    base_model = load(second_generation)
    narrow(base_model, Precision.FP16)
    return write_onnx(unet_of(base_model), tmp_path_factory.mktemp("half"))


def test_the_exported_half_precision_graph_is_the_same(
    second_generation: Path, half_precision_onnx: Path
) -> None:
    single = unet_of(load(second_generation))
    inputs = inputs_of(single)
    expected = run(single, inputs)
    session = onnxruntime.InferenceSession(
        str(half_precision_onnx), providers=["CPUExecutionProvider"]
    )
    answer = session.run(None, {name: value.numpy() for name, value in inputs.items()})[0]
    assert answer.dtype == np.float32
    error = np.abs(answer - expected.numpy()).max()
    assert error <= TOLERANCES[Precision.FP16] * float(expected.abs().max())


def test_the_half_precision_graph_compiles_for_gpus(
    second_generation: Path, half_precision_onnx: Path, tmp_path: Path
) -> None:
    base_model = load(second_generation)
    shapes = profiles(unet_of(base_model), PictureSizes.of(base_model, 64, 64), 2)
    engine = tmp_path / "model.plan"
    ada = Compilation(("8.9",))
    compile_engine(library(Target.TENSORRT_RTX), half_precision_onnx, engine, shapes, ada)
    halved = sum(each.numel() for each in base_model.unet.parameters()) * 2
    assert engine.stat().st_size > halved


def test_the_vae_stays_in_single_precision_where_the_checkpoint_says_so(
    second_generation: Path,
) -> None:
    base_model = load(second_generation)
    assert base_model.vae.config.force_upcast
    narrow(base_model, Precision.FP16)
    assert {each.dtype for each in base_model.vae.parameters()} == {torch.float32}
    assert {each.dtype for each in base_model.text_encoder.parameters()} == {torch.float32}
    previews = fit_latent_rgb(base_model, PictureSizes.of(base_model))
    assert np.isfinite(previews.matrix).all()


@pytest.mark.parametrize("size", [100.0, 300.0])
def test_attention_scores_may_exceed_half_precision(size: float) -> None:
    random = torch.Generator().manual_seed(0)
    query, key, value = torch.randn(3, 1, 2, 64, 40, generator=random).unbind()
    query, key = query * size, key * size
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    half = [each.half() for each in (query, key, value)]
    assert not (half[0] @ half[1].transpose(-1, -2)).isfinite().all()
    answer = wide_attention(*half)
    assert answer.dtype == torch.float16
    # Rounding the operands alone moves a softmax this sharp; what counts is that it is finite and
    # picks the same keys nearly everywhere.
    assert answer.isfinite().all()
    assert ((answer - expected).abs() < 0.05).float().mean() > 0.95


def test_a_norm_of_huge_activations_is_finite() -> None:
    norm = torch.nn.GroupNorm(4, 16)
    hidden = torch.randn(1, 16, 8, 8) * 1e4
    answer = WideNorm(norm)(hidden.half())
    assert answer.dtype == torch.float16
    assert (answer - norm(hidden)).abs().max() < 0.01


def test_unet_survives_extreme_prompts(second_generation: Path) -> None:
    """Identity vectors may be a hundred times as long as words, and a checkpoint's scores huge."""
    base_model = load(second_generation)
    for name, module in base_model.unet.named_modules():
        if name.endswith(("to_q", "to_k")):
            module.weight.mul_(60)
    inputs = inputs_of(unet_of(base_model))
    inputs = {name: value * (100 if "prompt" in name else 1) for name, value in inputs.items()}
    assert run(unet_of(base_model), inputs).isfinite().all()
    narrow(base_model, Precision.FP16)
    assert run(unet_of(base_model), inputs).isfinite().all()
