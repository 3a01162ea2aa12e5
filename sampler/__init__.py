"""The denoising loop that runs inside Triton: all requests in flight share each step's batch."""
