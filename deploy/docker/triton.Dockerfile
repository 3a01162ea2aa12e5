# syntax=docker/dockerfile:1
# Triton with the sampler, and with what runs the engines that it has no backend for:
#   docker build -f deploy/docker/triton.Dockerfile -t likeness-triton:0.1.0 .
FROM nvcr.io/nvidia/tritonserver:26.08-py3 AS build
COPY . /src
WORKDIR /src
RUN python3 -m venv --system-site-packages /opt/venv \
  && /opt/venv/bin/pip install --no-cache-dir \
    '.[basemodel,tensorrt-rtx]' 'onnxruntime>=1.22,<2' 'openvino>=2026.1,<2027'

FROM nvcr.io/nvidia/tritonserver:26.08-py3
# The liveness probe asks with curl.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install --yes --no-install-recommends curl \
  && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/venv /opt/venv
# Triton's Python models find the packages through PATH.
ENV PATH=/opt/venv/bin:$PATH \
  PYTHONDONTWRITEBYTECODE=1 \
  PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT []
CMD ["tritonserver", "--help"]
