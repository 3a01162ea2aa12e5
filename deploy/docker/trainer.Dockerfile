# syntax=docker/dockerfile:1
# The gateway with PyTorch, which trains beside it or as a node of a Ray cluster:
#   docker build -f deploy/docker/trainer.Dockerfile -t likeness-trainer:0.1.0 .
FROM python:3.11-slim-trixie AS build
COPY . /src
WORKDIR /src
# PyTorch and what belongs to it come without hashes: which build it is depends on where pip looks.
RUN python -m venv --without-pip /opt/venv \
  && pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes \
    --requirement deploy/docker/gateway.lock \
  && pip --python /opt/venv/bin/python install --no-cache-dir --constraint requirements.lock \
    '.[service,postgresql,ray,basemodel]'

FROM python:3.11-slim-trixie
COPY --from=build /opt/venv /opt/venv
COPY faceworld/checkpoint /opt/likeness/checkpoint
ENV PATH=/opt/venv/bin:$PATH \
  PYTHONDONTWRITEBYTECODE=1 \
  PYTHONUNBUFFERED=1
RUN install --directory --owner=10001 --group=10001 /data /models
USER 10001:10001
WORKDIR /tmp
CMD ["python", "-m", "service"]
