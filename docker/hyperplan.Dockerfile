# syntax=docker/dockerfile:1
# Everything of Hyperplan that is Python, in one image: sidecar, control, commands, and the demo's models.
# Which of them a container is, its command says; how it is set up, its HYPERPLAN_ and OTEL_ variables.
#
#   docker build -f docker/hyperplan.Dockerfile -t hyperplan .
#   docker build -f docker/hyperplan.Dockerfile -t hyperplan-sidecar --build-arg EXTRAS=sidecar .

FROM python:3.11-slim AS build
ARG EXTRAS=demo
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev
RUN python -m venv /opt/hyperplan
WORKDIR /src
COPY . .
# Twice: what the hot path is compiled against has to be there first.
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/hyperplan/bin/pip install ".[$EXTRAS]" "mypy>=1.18" "setuptools>=77" types-protobuf \
 && HYPERPLAN_COMPILE=1 /opt/hyperplan/bin/pip install --no-build-isolation --no-deps --force-reinstall . \
 && /opt/hyperplan/bin/pip uninstall --yes mypy types-protobuf

FROM python:3.11-slim
# Envoy runs as this user too, or the two could not share their sockets.
RUN groupadd --gid 10001 hyperplan && useradd --uid 10001 --gid 10001 --no-create-home hyperplan
# A new volume takes over the owner of the folder that it covers.
RUN install -d -o hyperplan -g hyperplan -m 0700 /run/hyperplan /var/lib/hyperplan /models
COPY --from=build /opt/hyperplan /opt/hyperplan
ENV PATH=/opt/hyperplan/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /var/lib/hyperplan
CMD ["hyperplan", "--help"]
