"""Engines for GPUs: TensorRT-RTX really compiles here; nothing runs, for want of a GPU."""

import json
from collections.abc import Callable
from ctypes import CDLL
from importlib.resources import files
from pathlib import Path

import onnx
import pytest
import typer
from click.testing import Result
from google.protobuf import text_format
from onnx import TensorProto, helper
from tritonclient.grpc import model_config_pb2
from typer.testing import CliRunner

from basemodel import BaseModel
from export.build import Settings, build
from export.check import check_engines, main
from export.engines import to_tensorrt
from export.graphs import Graph, graphs
from export.manifest import EngineManifest, EngineMismatchError
from export.phases import Workshop
from export.profiles import Profile, buckets, profiles
from export.repository import add_engine
from export.runtimes import load
from export.sizes import PictureSizes
from export.supported import ExportError
from export.target import Target
from export.tensorrt_engine import Compilation, engine_name
from export.tensorrt_library import capabilities, gpu_capability, library, version_of
from identity import STAGES

ADA = ("8.9",)
MADE_FROM = {
    "graph": "unet",
    "base_model_digest": "sha256:base",
    "onnx_digest": "sha256:onnx",
    "precision": "fp32",
}


@pytest.fixture(scope="module")
def graph_of(exported_model: BaseModel) -> dict[str, Graph]:
    return {graph.name: graph for graph in graphs(exported_model, STAGES)}


@pytest.fixture(scope="module")
def gpu_bundle(
    exported_model: BaseModel, workshop: Workshop, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("gpu") / "bundle"
    settings = Settings(Target.TENSORRT_RTX, max_rows=8, compilation=Compilation(ADA))
    build(exported_model, out, settings, workshop)
    return out


def config_of(model: Path) -> model_config_pb2.ModelConfig:
    text = (model / "config.pbtxt").read_text()
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def manifest(engine: Path) -> EngineManifest:
    return EngineManifest(
        **MADE_FROM,
        library="tensorrt",
        version="10.13.3",
        capabilities=["8.9"],
        profiles=[],
        build_seconds=1.0,
    )


def test_a_bundle_holds_an_engine_of_every_graph(
    gpu_bundle: Path, exported_model: BaseModel
) -> None:
    version = library(Target.TENSORRT_RTX).version
    assert check_engines(gpu_bundle, version, "8.9") == 4
    name = engine_name(library(Target.TENSORRT_RTX), ADA)
    assert name == f"model.tensorrt-rtx-{version}.sm89.plan"
    unet = EngineManifest.load(gpu_bundle / "models/unet/1" / name)
    assert unet.base_model_digest == exported_model.digest
    assert [each["rows"] for each in unet.profiles] == [[1, 1], [2, 2], [3, 4], [5, 8]]
    assert config_of(gpu_bundle / "models/unet").instance_group[0].kind == (
        model_config_pb2.ModelInstanceGroup.KIND_GPU
    )
    stays = config_of(gpu_bundle / "models/unet").parameters["FORCE_CPU_ONLY_INPUT_TENSORS"]
    assert stays.string_value == "no"
    assert "triton_rtx_model" in (gpu_bundle / "models/unet/1/model.py").read_text()


@pytest.mark.parametrize(
    ("version", "capability", "message"),
    [
        ("0.9", "8.9", r"is for library tensorrt-rtx 1\..*, here is tensorrt-rtx 0\.9"),
        (None, "9.0", r"is for compute capability 8\.9, this GPU has 9\.0"),
        (None, None, r"is for compute capability 8\.9, this GPU has none"),
    ],
)
def test_an_engine_of_another_version_or_gpu_is_named(
    gpu_bundle: Path, version: str | None, capability: str | None, message: str
) -> None:
    version = version or library(Target.TENSORRT_RTX).version
    with pytest.raises(EngineMismatchError, match=message):
        check_engines(gpu_bundle, version, capability)


def check(bundle: Path) -> Result:
    """``python -m export.check BUNDLE``."""
    command = typer.Typer(add_completion=False)
    command.command()(main)
    return CliRunner().invoke(command, [str(bundle)])


@pytest.mark.parametrize(
    ("capability", "code", "said"),
    [
        ("8.9", 0, "4 engines fit\n"),
        (
            "9.0",
            1,
            "check: the engine of text_encoder is for compute capability 8.9, this GPU has 9.0: "
            "export it again\n",
        ),
    ],
)
def test_the_check_answers_in_one_line(
    gpu_bundle: Path, monkeypatch: pytest.MonkeyPatch, capability: str, code: int, said: str
) -> None:
    monkeypatch.setattr("export.check.gpu_capability", lambda: capability)
    result = check(gpu_bundle)
    assert (result.exit_code, result.output) == (code, said)


def test_the_check_of_no_bundle_is_one_line(tmp_path: Path) -> None:
    result = check(tmp_path)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("check: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.fixture
def compile_small(tmp_path: Path) -> Callable[[Compilation], Path]:
    """Compiles a graph of one node; the engine's file."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", 4]) for name in "xy"]
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "relu", *[[e] for e in ends]
    )
    file = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), file)
    rows = Profile((1, 2), {"x": ((1, 4), (2, 4), (2, 4))})

    def compiled(compilation: Compilation) -> Path:
        to_tensorrt(file, tmp_path, Target.TENSORRT_RTX, [rows], compilation, MADE_FROM)
        return next(tmp_path.glob("*.plan"))

    return compiled


def test_one_engine_for_two_gpus(compile_small: Callable[[Compilation], Path]) -> None:
    trt = library(Target.TENSORRT_RTX)
    engine = compile_small(Compilation(("8.6", "8.9"), workspace=1 << 30))
    assert engine.name == f"model.tensorrt-rtx-{trt.version}.sm86-sm89.plan"
    made = EngineManifest.load(engine)
    for capability in ("8.6", "8.9"):
        made.check(trt.target, trt.version, capability, "sha256:base")
    with pytest.raises(EngineMismatchError, match=r"8\.6 and 8\.9, this GPU has 12\.0"):
        made.check(trt.target, trt.version, "12.0", "sha256:base")


@pytest.mark.filterwarnings("ignore:Use Deprecated:DeprecationWarning")  # of TensorRT-RTX
def test_a_timing_cache_is_made_kept_and_replaced_if_it_is_none(
    compile_small: Callable[[Compilation], Path], tmp_path: Path
) -> None:
    cache = tmp_path / "caches/timings.bin"
    compile_small(Compilation(ADA, timing_cache=cache))
    made = cache.read_bytes()
    assert made
    for content in (made, b"not a cache"):
        cache.write_bytes(content)
        compile_small(Compilation(ADA, timing_cache=cache))
        assert cache.read_bytes() == made


def test_an_engine_of_another_base_model_is_named(tmp_path: Path) -> None:
    engine = tmp_path / "model.plan"
    manifest(engine).save(engine)
    read = EngineManifest.load(engine)
    read.check("tensorrt", "10.13.3", "8.9", "sha256:base")
    with pytest.raises(EngineMismatchError, match="base model sha256:base, here is sha256:other"):
        read.check("tensorrt", "10.13.3", "8.9", "sha256:other")


def test_an_engine_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineMismatchError, match="no manifest"):
        EngineManifest.load(tmp_path / "model.plan")


@pytest.mark.parametrize("content", [b"not a graph", None])
def test_a_graph_that_can_not_be_read(
    tmp_path: Path, onnx_files: dict[str, Path], content: bytes | None, graph_of: dict[str, Graph]
) -> None:
    onnx = tmp_path / "model.onnx"
    onnx.write_bytes(content or onnx_files["unet"].read_bytes()[:20_000])
    with pytest.raises(
        RuntimeError, match=r"can't read .*model\.onnx: .*; delete it and export again"
    ):
        to_tensorrt(onnx, tmp_path, Target.TENSORRT_RTX, [], Compilation(ADA), MADE_FROM)
    assert not list(tmp_path.glob("*.plan*"))


def test_capabilities_are_checked_before_the_work() -> None:
    trt = library(Target.TENSORRT_RTX)
    assert capabilities(trt, ("8.6", "12.0")) == ("8.6", "12.0")
    with pytest.raises(ExportError, match=r"--capability 9\.0 is not one of tensorrt-rtx"):
        capabilities(trt, ("9.0",))


@pytest.mark.skipif(gpu_capability() is not None, reason="there is a GPU")
def test_what_is_missing_for_tensorrt_is_named() -> None:
    with pytest.raises(ExportError, match=r"tensorrt is not installed .* containers"):
        library(Target.TENSORRT)


def test_the_version_is_read_from_the_shared_library_too() -> None:
    shared = files("tensorrt_rtx_libs") / "libtensorrt_rtx.so.1"
    assert version_of(CDLL(str(shared))) == library(Target.TENSORRT_RTX).version


def test_engines_for_gpus_do_not_run_here(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no runtime for tensorrt-rtx on a CPU"):
        load("tensorrt-rtx", tmp_path)


def test_buckets_are_powers_of_two_and_the_most() -> None:
    assert buckets(16) == [1, 2, 4, 8, 16]
    assert buckets(11) == [1, 2, 4, 8, 11]


def test_rows_are_those_that_the_sampler_sends(
    exported_model: BaseModel, graph_of: dict[str, Graph]
) -> None:
    sizes = PictureSizes.of(exported_model, 64, 64)
    most = {name: profiles(graph, sizes, 8)[-1].rows[1] for name, graph in graph_of.items()}
    assert most == {"text_encoder": 11, "unet": 8, "vae_decoder": 4, "vae_encoder": 4}


@pytest.mark.parametrize("largest", [64, 128])
def test_every_call_has_one_profile_at_the_own_size(
    exported_model: BaseModel, graph_of: dict[str, Graph], largest: int
) -> None:
    sizes = PictureSizes.of(exported_model, 64, largest)
    found = profiles(graph_of["unet"], sizes, 16)
    own = [profile for profile in found if profile.fixed_size]
    rows = [number for each in own for number in range(each.rows[0], each.rows[1] + 1)]
    assert rows == list(range(1, 17))
    assert len(found) == len(own) * (2 if largest > 64 else 1)
    assert {each.shapes["sample"][2][2:] for each in found} == {(8, 8), (largest // 8,) * 2}


def test_triton_config_of_a_tensorrt_engine(
    exported_model: BaseModel, graph_of: dict[str, Graph], tmp_path: Path
) -> None:
    engine = tmp_path / "model.tensorrt-10.13.3.sm89.plan"
    engine.touch()
    manifest(engine).save(engine)
    graph = graph_of["unet"]
    shapes = profiles(graph, PictureSizes.of(exported_model, 64, 128), 16)
    version = add_engine(tmp_path / "models", graph, Target.TENSORRT, shapes, [engine])
    assert not list(version.iterdir())
    config = config_of(version.parent)
    assert (config.platform, config.max_batch_size) == ("tensorrt_plan", 0)
    assert dict(config.cc_model_filenames) == {"8.9": engine.name}
    inputs = {each.name: list(each.dims) for each in config.input}
    assert inputs["sample"] == [-1, 4, -1, -1]
    assert inputs["timestep"] == [-1]
    assert inputs["prompt_embeds_4"] == [-1, 77, 64]
    assert list(config.output[0].dims) == [-1, 4, -1, -1]
    assert list(config.instance_group[0].profile) == [str(index) for index in range(10)]
    assert config.optimization.cuda.graphs
    captured = [list(spec.input["sample"].dim) for spec in config.optimization.cuda.graph_spec]
    assert captured == [[rows, 4, 8, 8] for rows in range(1, 17)]
    assert all(spec.batch_size == 0 for spec in config.optimization.cuda.graph_spec)
    warmed = [list(each.inputs["timestep"].dims) for each in config.model_warmup]
    assert warmed == [[rows] for rows in range(1, 17)]
    assert not config.HasField("dynamic_batching")


def test_every_config_of_a_bundle_is_one_that_triton_reads(bundle: Path) -> None:
    names = {config_of(model).name for model in (bundle / "models").iterdir()}
    assert names == {"text_encoder", "unet", "vae_decoder", "vae_encoder", "sampler"}


def test_the_report_says_what_each_phase_took(gpu_bundle: Path) -> None:
    phases = json.loads((gpu_bundle / "export.json").read_text())["phases"]
    assert {each["name"] for each in phases} >= {"onnx-fp32/unet", "tensorrt-rtx/unet"}
    for each in phases:
        assert each["peak_bytes"] > 0
        assert each["bytes"] > 0
        assert each["seconds"] >= 0
