"""The tensors of the sampler's model, as Triton and the model's callers know them."""

from typing import Any

import numpy as np

INPUTS = {
    "prompt_ids": np.int64,
    "negative_ids": np.int64,
    "seeds": np.int64,
    "steps": np.int32,
    "guidance_scale": np.float32,
    "placeholder_positions": np.int32,
    "placeholder_identities": np.int32,
    "identities": np.float32,
    "scheduler": np.object_,
    "size": np.int32,
    "init_image": np.uint8,
    "init_strength": np.float32,
    "guidance_interval": np.float32,
    "preview_every": np.int32,
    "tenant": np.object_,
    "priority": np.int32,
    "seconds_left": np.float32,
}
"""Of a drawing, with their types; ``object`` is text. The first five are required."""

HEARTBEAT = "heartbeat"
"""An input that stands alone: the answer is ``alive``, or the error of an engine that is not."""

OUTPUTS = {
    "progress": np.int32,  # [3]: steps done, steps in all, place in the queue
    "image": np.uint8,  # [H, W, 3], with image_index [1]
    "image_index": np.int32,
    "filtered": np.int32,  # [1]: index of a picture that the safety checker holds back
    "preview": np.uint8,  # [h, w, 3], with preview_of [2]: index, steps done
    "preview_of": np.int32,
    "refusal": np.object_,  # [2]: QUEUE_FULL or DEADLINE_MISSED, and why; retry_seconds [1]
    "retry_seconds": np.float32,
    "alive": np.int32,  # [1], the answer to a heartbeat, and now and then while a request lasts
}
"""The model's outputs and their types; a response carries some of them."""

TYPES = {
    np.int32: "TYPE_INT32",
    np.int64: "TYPE_INT64",
    np.float32: "TYPE_FP32",
    np.uint8: "TYPE_UINT8",
    np.object_: "TYPE_STRING",
}
AXES = {"identities": 4, "init_image": 3, "image": 3, "preview": 3}
"""Axes of the tensors that have more than one; the sizes are free."""


def declare(config: Any) -> Any:
    """Adds the tensors to a model's configuration, as Triton asks for it.

    Args:
        config: the ``ModelConfig`` that ``auto_complete_config`` is given.

    Returns:
        The same. All inputs are optional and all sizes free: the request's own checks are sharper.
    """
    for name, kind in {**INPUTS, HEARTBEAT: np.int32}.items():
        config.add_input({**_described(name, kind), "optional": True})
    for name, kind in OUTPUTS.items():
        config.add_output(_described(name, kind))
    config.set_model_transaction_policy({"decoupled": True})
    return config


def _described(name: str, kind: Any) -> dict[str, Any]:
    return {"name": name, "data_type": TYPES[kind], "dims": [-1] * AXES.get(name, 1)}
