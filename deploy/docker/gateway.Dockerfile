# syntax=docker/dockerfile:1
# The gateway, without PyTorch: docker build -f deploy/docker/gateway.Dockerfile -t likeness-gateway:0.1.0 .
FROM python:3.11-slim-trixie AS build
COPY . /src
WORKDIR /src
# Versions are those of the lock; pip takes of it what the gateway needs.
RUN python -m venv /opt/venv \
  && /opt/venv/bin/pip install --no-cache-dir --constraint requirements.lock \
    '.[service,postgresql,ray]'

FROM python:3.11-slim-trixie
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
  PYTHONDONTWRITEBYTECODE=1 \
  PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
CMD ["python", "-m", "service"]
