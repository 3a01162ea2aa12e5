"""Wiring and preprocessing of the judges for photographs: random weights, so scores say nothing."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    CLIPTextConfig,
    CLIPVisionConfig,
)

from evaluation.clip_judge import ClipFaceJudge, whole_face
from evaluation.errors import EvaluationError
from faceworld.tokenizer import build_tokenizer

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
TEXTS = ["a photo of person", "a photo of person holding a cup", "a photo of an old person"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip")
    tokenizer = build_tokenizer(77)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2}
    special = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    text = CLIPTextConfig(
        vocab_size=len(tokenizer), max_position_embeddings=77, **sizes, **heads, **special
    )
    vision = CLIPVisionConfig(image_size=32, patch_size=16, **sizes, **heads)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = CLIPConfig(
            text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=8
        )
        CLIPModel(config).save_pretrained(path)
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(images, tokenizer).save_pretrained(path)
    return path


def face_network(path: Path, side: int = 112, rows: int | str = "N") -> Path:
    """Colour means of the picture as its face."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["face"], ["embedding"], axes=[2, 3], keepdims=0)],
        "arcface",
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, [rows, 3, side, side])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [rows, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


def test_faces_are_unit_vectors_of_pictures_in_minus_one_to_one(clip: Path, tmp_path: Path) -> None:
    judge = ClipFaceJudge(str(clip), face_network(tmp_path / "face.onnx"), None, 0.23)
    faces, found = judge.faces(PICTURES)
    crops = np.stack([whole_face(picture) for picture in PICTURES]).astype(float)
    means = ((crops - 127.5) / 127.5).mean(axis=(1, 2))
    np.testing.assert_allclose(faces, means / np.linalg.norm(means, axis=1)[:, None], atol=1e-4)
    assert found.all()
    assert judge.prompt_threshold("anything") == 0.23


@pytest.mark.parametrize("rows", [1, 2])
def test_a_face_network_of_a_fixed_batch(clip: Path, tmp_path: Path, rows: int) -> None:
    any_number = ClipFaceJudge(str(clip), face_network(tmp_path / "any.onnx"), None, 0.23)
    fixed = ClipFaceJudge(str(clip), face_network(tmp_path / "f.onnx", rows=rows), None, 0.23)
    np.testing.assert_array_equal(fixed.faces(PICTURES)[0], any_number.faces(PICTURES)[0])


def test_a_judge_is_named_by_its_weights(clip: Path, tmp_path: Path) -> None:
    face = face_network(tmp_path / "face.onnx")
    other = shutil.copytree(clip, tmp_path / clip.name)
    described = [ClipFaceJudge(str(path), face, None, 0.23).description for path in (clip, other)]
    assert described[0] == described[1]
    model = CLIPModel.from_pretrained(other)
    model.logit_scale.data += 1
    model.save_pretrained(other)
    assert ClipFaceJudge(str(other), face, None, 0.23).description != described[0]


def test_prompt_scores_are_the_cosines_of_clip(clip: Path, tmp_path: Path) -> None:
    judge = ClipFaceJudge(str(clip), face_network(tmp_path / "face.onnx"), None, 0.23)
    scores = judge.prompt_scores(PICTURES, TEXTS)
    model, processor = CLIPModel.from_pretrained(clip), CLIPProcessor.from_pretrained(clip)
    for score, picture, text in zip(scores, PICTURES, TEXTS, strict=True):
        inputs = processor(text=[text], images=[picture], return_tensors="pt")
        with torch.no_grad():
            logit = model.eval()(**inputs).logits_per_image.item()
        assert score == pytest.approx(logit / model.logit_scale.exp().item(), abs=1e-5)


def test_judges_that_are_none_are_told_by_name(clip: Path, tmp_path: Path) -> None:
    face = face_network(tmp_path / "face.onnx")
    with pytest.raises(EvaluationError, match=r"--clip: .* is no CLIP model"):
        ClipFaceJudge(str(tmp_path), face, None, 0.23)
    with pytest.raises(EvaluationError, match="--face-model: takes"):
        ClipFaceJudge(str(clip), face_network(tmp_path / "small.onnx", 64), None, 0.23)
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(EvaluationError, match="is no ONNX network"):
        ClipFaceJudge(str(clip), tmp_path / "text.onnx", None, 0.23)
