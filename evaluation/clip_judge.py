"""The paper's own judges, for photographs: OpenAI's CLIP, and an ArcFace network."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from basemodel.drawing import Pictures
from evaluation.errors import EvaluationError
from evaluation.judges import Flags, Floats

_BATCH = 16

ARCFACE_SIZE = 112
ARCFACE_LANDMARKS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
     [70.7299, 92.2041]], np.float32,
)  # fmt: skip
"""Where ArcFace (1801.07698) expects eyes, nose and corners of the mouth, in pixels."""


class ClipFaceJudge:
    """CLIP score and face recognition from files given by path.

    Without a detector the whole picture is taken for the face, and Detect is 1 throughout.

    Args:
        clip: a directory or hub id of transformers' CLIPModel.
        face_model: ArcFace as ONNX, pictures ``[N, 3, 112, 112]`` in [-1, 1], RGB, to ``[N, E]``.
        face_detector: YuNet as ONNX, run by OpenCV.
        threshold: Prompt from which a picture counts as what the text asks for (the paper: .23).

    Raises:
        EvaluationError: a file is missing or is not such a network.
    """

    def __init__(
        self, clip: str, face_model: Path, face_detector: Path | None, threshold: float
    ) -> None:
        import onnxruntime
        from transformers import CLIPModel, CLIPProcessor

        try:
            model: Any = CLIPModel.from_pretrained(clip)
            self._clip = model.eval()
            self._processor: Any = CLIPProcessor.from_pretrained(clip)
        except (OSError, ValueError) as error:
            raise EvaluationError(f"--clip: {clip} is no CLIP model: {error}") from error
        try:
            self._face: Any = onnxruntime.InferenceSession(
                face_model, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has an exception type of its own per fault
            raise EvaluationError(f"--face-model: {face_model} is no ONNX network") from error
        self._input = self._face.get_inputs()[0]
        if list(self._input.shape[1:]) != [3, ARCFACE_SIZE, ARCFACE_SIZE]:
            raise EvaluationError(
                f"--face-model: takes {self._input.shape}, not [N, 3, {ARCFACE_SIZE}, "
                f"{ARCFACE_SIZE}]"
            )
        rows = self._input.shape[0]
        self._fixed_batch = rows if isinstance(rows, int) else None
        self._detector = None if face_detector is None else FaceDetector(face_detector)
        self._threshold = threshold
        files = [face_model] if face_detector is None else [face_model, face_detector]
        faces = ", ".join(_digest(path.read_bytes()) for path in files)
        self.description = (
            f"CLIP {Path(clip).name} {self._clip_digest()}, faces {faces}, threshold {threshold:g}"
        )

    def prompt_scores(self, pictures: Pictures, texts: Sequence[str]) -> Floats:
        """See :class:`evaluation.judges.Judge`."""
        scores = []
        for first in range(0, len(pictures), _BATCH):
            inputs = self._processor(
                text=list(texts[first : first + _BATCH]),
                images=list(pictures[first : first + _BATCH]),
                padding=True,
                truncation=True,
                return_tensors="pt",
            )
            with torch.no_grad():
                told = self._clip(**inputs)
            scores.append((told.image_embeds * told.text_embeds).sum(dim=-1).numpy())
        return np.concatenate(scores)

    def prompt_threshold(self, text: str) -> float:  # noqa: ARG002
        """The same for every text."""
        return self._threshold

    def _clip_digest(self) -> str:
        """Of the weights, and of how pictures are prepared: names are no more than a path's end."""
        weights = (
            tensor.numpy().tobytes() for _, tensor in sorted(self._clip.state_dict().items())
        )
        return _digest(self._processor.image_processor.to_json_string().encode(), *weights)

    def faces(self, pictures: Pictures) -> tuple[Floats, Flags]:
        """See :class:`evaluation.judges.Judge`."""
        find = whole_face if self._detector is None else self._detector
        aligned = [find(picture) for picture in pictures]
        found = np.array([crop is not None for crop in aligned])
        nobody = np.zeros((ARCFACE_SIZE, ARCFACE_SIZE, 3), np.uint8)
        crops = np.stack([nobody if crop is None else crop for crop in aligned])
        batch = self._fixed_batch or _BATCH
        vectors = np.concatenate(
            [self._embed(crops[first : first + batch]) for first in range(0, len(crops), batch)]
        )
        return np.where(found[:, None], vectors, 0), found

    def _embed(self, crops: Pictures) -> Floats:
        inputs = ((crops.astype(np.float32) - 127.5) / 127.5).transpose(0, 3, 1, 2)
        if self._fixed_batch is not None:  # filled up with more of the last one
            inputs = inputs[np.arange(self._fixed_batch).clip(max=len(crops) - 1)]
        outputs = self._face.run(None, {self._input.name: np.ascontiguousarray(inputs)})
        vectors = outputs[0][: len(crops)]
        unit: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def _digest(*parts: bytes) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest()[:12]


def whole_face(picture: Pictures) -> Pictures:
    """A picture ``[H, W, 3]`` as ArcFace's input ``[112, 112, 3]``."""
    size = (ARCFACE_SIZE, ARCFACE_SIZE)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


class FaceDetector:
    """YuNet by OpenCV, and the largest face aligned to ArcFace's landmarks.

    Raises:
        EvaluationError: OpenCV is missing, or the file is not YuNet.
    """

    def __init__(self, path: Path) -> None:
        try:
            import cv2
        except ImportError as error:
            raise EvaluationError("--face-detector: needs opencv-python-headless") from error
        self._cv2: Any = cv2
        try:
            self._yunet = cv2.FaceDetectorYN.create(str(path), "", (ARCFACE_SIZE, ARCFACE_SIZE))
        except cv2.error as error:
            raise EvaluationError(f"--face-detector: {path} is not YuNet as ONNX") from error

    def __call__(self, picture: Pictures) -> Pictures | None:
        """``[112, 112, 3]`` of a picture ``[H, W, 3]``, or None without a face."""
        height, width, _ = picture.shape
        self._yunet.setInputSize((width, height))
        faces = self._yunet.detect(np.ascontiguousarray(picture[..., ::-1]))[1]
        if faces is None:
            return None
        largest = max(faces, key=lambda face: face[2] * face[3])  # x, y, width, height, landmarks
        transform, _ = self._cv2.estimateAffinePartial2D(
            largest[4:14].reshape(5, 2), ARCFACE_LANDMARKS
        )
        aligned: Pictures = self._cv2.warpAffine(picture, transform, (ARCFACE_SIZE, ARCFACE_SIZE))
        return aligned
