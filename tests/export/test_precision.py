"""Half precision stays near single precision, and finite where Stable Diffusion overflows."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from basemodel import BaseModel, load
from export.graphs import Graph, graphs
from export.onnx_file import write_onnx
from export.precision import WideNorm, narrow, precision_of, wide_attention
from export.profiles import profiles
from export.sizes import PictureSizes
from export.target import Precision, Target
from export.tensorrt_engine import Compilation, compile_engine
from export.tensorrt_library import library
from identity import STAGES
from tests.support.random_checkpoint import write_random_checkpoint

TOLERANCES = {Precision.FP16: 5e-3, Precision.BF16: 4e-2}  # of the largest value
LONG_PROMPTS = 2e-2  # the same, float16: a softmax as sharp as theirs moves more
BOUNDARIES = [0, 199, 200, 399, 400, 599, 600, 799, 800, 999, 500]


@pytest.fixture(scope="module")
def first_generation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SD 1.x: attention is as wide as the rest."""
    path = tmp_path_factory.mktemp("first") / "checkpoint"
    return write_random_checkpoint(path, generation=1, levels=1)


@pytest.fixture(scope="module")
def second_generation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SD 2.x: it asks for attention in a wider type."""
    path = tmp_path_factory.mktemp("second") / "checkpoint"
    return write_random_checkpoint(path, generation=2, levels=1)


@pytest.fixture(params=["first_generation", "second_generation"])
def checkpoint(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


@pytest.fixture
def narrow_scores() -> Iterator[None]:
    """Attention in the type that it is given, as on a GPU: PyTorch's own would widen it."""
    torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)
    with sdpa_kernel(SDPBackend.MATH):
        yield
    torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(False)


def unet_of(base_model: BaseModel) -> Graph:
    return next(graph for graph in graphs(base_model, STAGES) if graph.name == "unet")


def inputs_of(graph: Graph) -> dict[str, Tensor]:
    """All five stages and their boundaries in one batch."""
    random = torch.Generator().manual_seed(0)
    inputs = {
        name: torch.randn(len(BOUNDARIES), *example.shape[1:], generator=random)
        for name, example in graph.inputs.items()
    }
    inputs["timestep"] = torch.tensor(BOUNDARIES, dtype=torch.float32)
    return inputs


def run(graph: Graph, inputs: dict[str, Tensor]) -> Tensor:
    with torch.no_grad():
        result: Tensor = graph.module(*inputs.values())
    return result


@pytest.mark.usefixtures("narrow_scores")
@pytest.mark.parametrize("precision", list(TOLERANCES))
def test_unet_is_near_single_precision(checkpoint: Path, precision: Precision) -> None:
    base_model = load(checkpoint)
    inputs = inputs_of(unet_of(base_model))
    expected = run(unet_of(base_model), inputs)
    narrow(base_model, precision)
    assert base_model.unet.conv_in.weight.dtype == precision.dtype
    answer = run(unet_of(base_model), inputs)
    assert answer.dtype == torch.float32
    assert (answer - expected).abs().max() <= TOLERANCES[precision] * expected.abs().max()


def narrow_onnx(checkpoint: Path, precision: Precision, directory: Path) -> Path:
    base_model = load(checkpoint)
    narrow(base_model, precision)
    return write_onnx(unet_of(base_model), directory)


@pytest.fixture(scope="module")
def half_precision_onnx(second_generation: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return narrow_onnx(second_generation, Precision.FP16, tmp_path_factory.mktemp("half"))


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


def assert_compiles(file: Path, checkpoint: Path, kind: int, engine: Path) -> None:
    """A graph whose weights are of a type, but for the norms', compiles for GPUs."""
    types: Counter[int] = Counter()
    for weights in onnx.load(file, load_external_data=False).graph.initializer:
        types[weights.data_type] += int(np.prod(weights.dims))
    assert types[kind] > 0.95 * types.total()
    base_model = load(checkpoint)
    shapes = profiles(unet_of(base_model), PictureSizes.of(base_model, 64, 64), 2)
    compile_engine(library(Target.TENSORRT_RTX), file, engine, shapes, Compilation(("8.9",)))
    assert engine.stat().st_size > 0


def test_the_half_precision_graph_compiles_for_gpus(
    second_generation: Path, half_precision_onnx: Path, tmp_path: Path
) -> None:
    engine = tmp_path / "model.plan"
    assert_compiles(half_precision_onnx, second_generation, TensorProto.FLOAT16, engine)


def test_the_graph_in_bfloat16_compiles_for_gpus(second_generation: Path, tmp_path: Path) -> None:
    file = narrow_onnx(second_generation, Precision.BF16, tmp_path)
    assert_compiles(file, second_generation, TensorProto.BFLOAT16, tmp_path / "model.plan")


def test_text_encoder_and_vae_stay_in_single_precision(checkpoint: Path) -> None:
    base_model = load(checkpoint)
    narrow(base_model, Precision.FP16)
    for graph in graphs(base_model, STAGES):
        kept = precision_of(graph.name, Precision.FP16)
        weights = {each.dtype for each in graph.module.parameters() if each.ndim > 1}
        assert weights == {kept.dtype}


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


@pytest.mark.usefixtures("narrow_scores")
def test_unet_is_near_single_precision_with_long_prompts(checkpoint: Path) -> None:
    """Identity vectors may be a hundred times as long as words."""
    base_model = load(checkpoint)
    inputs = inputs_of(unet_of(base_model))
    inputs = {name: value * (100 if "prompt" in name else 1) for name, value in inputs.items()}
    expected = run(unet_of(base_model), inputs)
    narrow(base_model, Precision.FP16)
    answer = run(unet_of(base_model), inputs)
    assert (answer - expected).abs().max() <= LONG_PROMPTS * expected.abs().max()


@pytest.mark.usefixtures("narrow_scores")
@pytest.mark.parametrize(
    ("generation", "survives"), [("first_generation", False), ("second_generation", True)]
)
def test_scores_beyond_half_precision(
    request: pytest.FixtureRequest, generation: str, survives: bool
) -> None:
    """Only a checkpoint that asks for wide attention may have them."""
    base_model = load(request.getfixturevalue(generation))
    for name, module in base_model.unet.named_modules():
        if name.endswith(("to_q", "to_k")):
            module.weight.mul_(60)
    inputs = inputs_of(unet_of(base_model))
    inputs = {name: value * (100 if "prompt" in name else 1) for name, value in inputs.items()}
    assert run(unet_of(base_model), inputs).isfinite().all()
    narrow(base_model, Precision.FP16)
    assert run(unet_of(base_model), inputs).isfinite().all() == survives
