"""Checkpoint to ONNX to engines to a Triton model repository."""
