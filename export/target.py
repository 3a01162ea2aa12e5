"""What a base model can be exported for, and with which numbers."""

from enum import StrEnum

import torch


class Target(StrEnum):
    """What runs the models."""

    OPENVINO = "openvino"
    ONNXRUNTIME = "onnxruntime"
    TENSORRT = "tensorrt"
    TENSORRT_RTX = "tensorrt-rtx"

    @property
    def on_gpu(self) -> bool:
        """Whether it is compiled for an NVIDIA GPU."""
        return self in (Target.TENSORRT, Target.TENSORRT_RTX)


class Precision(StrEnum):
    """Type of the weights and of most of the arithmetic; inputs and outputs are always float32."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"

    @property
    def dtype(self) -> torch.dtype:
        """The same for PyTorch."""
        return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[self.value]
