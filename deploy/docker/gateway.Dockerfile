# syntax=docker/dockerfile:1
# The gateway, without PyTorch: docker build -f deploy/docker/gateway.Dockerfile -t likeness-gateway:0.1.0 .
FROM python:3.11-trixie AS build
COPY . /src
WORKDIR /src
# The environment comes without pip, and its packages are those whose hashes the lock has.
RUN python -m venv --without-pip /opt/venv \
  && pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes \
    --requirement deploy/docker/gateway.lock \
  && pip --python /opt/venv/bin/python install --no-cache-dir --no-deps . \
  && python deploy/docker/slim.py /opt/venv

FROM python:3.11-slim-trixie
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
  PYTHONDONTWRITEBYTECODE=1 \
  PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
CMD ["python", "-m", "service"]
