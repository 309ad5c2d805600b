# The study in a container:
#   docker build --build-arg MIUA_COMMIT=$(git rev-parse HEAD) -t miua2022 .
#   docker run --gpus all -v "$PWD/results:/miua/results" miua2022 nox -s reproduce
ARG BASE_IMAGE=nvidia/cuda:13.0.2-base-ubuntu24.04
FROM ${BASE_IMAGE}

WORKDIR /miua
COPY system-packages.txt ./
RUN apt-get update \
    && sed 's/#.*//' system-packages.txt \
        | DEBIAN_FRONTEND=noninteractive xargs apt-get install -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/*

# Dependencies first: they change less often than the code.
COPY requirements-run.lock requirements.lock ./
RUN python3 -m venv /opt/miua \
    && /opt/miua/bin/pip install --no-cache-dir --require-hashes -r requirements-run.lock \
    && /opt/miua/bin/uv pip install --no-cache --python /opt/miua/bin/python \
        --require-hashes -r requirements.lock

ENV PATH=/opt/miua/bin:$PATH \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    MIUA_DATA_DIR=/miua/cache \
    MIUA_CONTAINER=1

COPY . .
ARG MIUA_COMMIT=
ENV MIUA_COMMIT=${MIUA_COMMIT}
RUN uv pip install --no-cache --python /opt/miua/bin/python --no-deps --no-build-isolation \
        --editable . \
    && miua --help >/dev/null

LABEL org.opencontainers.image.title="miua2022" \
      org.opencontainers.image.licenses="Apache-2.0 AND CC-BY-SA-4.0"
CMD ["nox", "--list"]
