# syntax=docker/dockerfile:1
# Exports a base model. For CPUs and for RTX GPUs:
#   docker build -f deploy/docker/export.Dockerfile -t likeness-export:0.1.0 .
# For data centre GPUs, in the container of the same month as Triton's, whose TensorRT runs what this one builds:
#   docker build -f deploy/docker/export.Dockerfile -t likeness-export-tensorrt:0.1.0 --build-arg EXTRAS=export \
#     --build-arg BASE=nvcr.io/nvidia/tensorrt:26.08-py3 .
ARG BASE=python:3.11-slim-trixie

# hadolint ignore=DL3006
FROM ${BASE} AS build
ARG EXTRAS=export,tensorrt-rtx
COPY . /src
WORKDIR /src
# An NVIDIA container has TensorRT among its own packages, which the environment must see.
RUN python3 -m venv --system-site-packages /opt/venv \
  && /opt/venv/bin/pip install --no-cache-dir ".[${EXTRAS}]"

# hadolint ignore=DL3006
FROM ${BASE}
COPY --from=build /opt/venv /opt/venv
COPY faceworld/checkpoint /opt/likeness/checkpoint
ENV PATH=/opt/venv/bin:$PATH \
  PYTHONDONTWRITEBYTECODE=1 \
  PYTHONUNBUFFERED=1
RUN install --directory --owner=10001 --group=10001 /models
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT []
CMD ["likeness-export", "--help"]
