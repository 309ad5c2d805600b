# The study in a container, for any engine: docs/container.md.
#   nox -s image
#   docker build --build-arg MIUA_COMMIT=$(git rev-parse HEAD) -t miua2022 .

# CUDA comes with the locked torch. The base brings what tells the engine which driver that needs:
# 13.0 accepts every driver of CUDA 13, where 13.2 would refuse some that work.
ARG BASE_IMAGE=docker.io/nvidia/cuda:13.0.2-base-ubuntu24.04

# What the image bakes in, where `--build-context hc18=FOLDER` does not put something else here.
FROM scratch AS hc18
FROM scratch AS inception

FROM ${BASE_IMAGE} AS system
COPY system-packages.txt /tmp/
# Packages marked `build:` compile the extension; the image runs without a compiler.
RUN printf 'path-exclude=/usr/share/%s/*\n' doc man info locale > /etc/dpkg/dpkg.cfg.d/miua \
    && printf 'path-include=/usr/share/doc/*/copyright\n' >> /etc/dpkg/dpkg.cfg.d/miua \
    && apt-get update \
    && sed '/# build:/d; s/#.*//' /tmp/system-packages.txt \
        | DEBIAN_FRONTEND=noninteractive xargs apt-get install -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/* /tmp/*


FROM system AS dependencies
COPY system-packages.txt /tmp/
RUN apt-get update \
    && sed '/# build:/!d; s/#.*//' /tmp/system-packages.txt \
        | DEBIAN_FRONTEND=noninteractive xargs apt-get install -y --no-install-recommends
COPY requirements-run.lock requirements.lock /tmp/
ENV UV_LINK_MODE=copy PIP_DISABLE_PIP_VERSION_CHECK=1 \
    UV_CACHE_DIR=/var/cache/downloads/uv PIP_CACHE_DIR=/var/cache/downloads/pip
# The secret is for networks that sign with a certificate of their own; it stays out of the image.
# Byte code once here, since nobody may write it later.
RUN --mount=type=secret,id=certificates,target=/run/certificates.pem \
    --mount=type=cache,target=/var/cache/downloads \
    if [ -e /run/certificates.pem ]; then \
        export PIP_CERT=/run/certificates.pem SSL_CERT_FILE=/run/certificates.pem; \
    fi \
    && python3 -m venv /opt/miua \
    && /opt/miua/bin/pip install --require-hashes -r /tmp/requirements-run.lock \
    && /opt/miua/bin/uv pip install --python /opt/miua --compile-bytecode \
        --require-hashes -r /tmp/requirements.lock


FROM dependencies AS package
ENV PATH=/opt/miua/bin:$PATH
WORKDIR /miua
COPY . .
# Without .git no version can be read off its tags.
ARG MIUA_VERSION=0.dev0
# An editable wheel: sessions for tests and lint use the sources where they lie, /miua.
RUN export SETUPTOOLS_SCM_PRETEND_VERSION_FOR_MIUA="${MIUA_VERSION}" \
    && mkdir /dist \
    && python3 -c 'import scikit_build_core.build as b; print(b.build_editable("/dist"))' \
    && cmake -S . -B /tmp/kernels -DMIUA_PYTHON=OFF -DMIUA_RUNNER=ON -Wno-dev \
    && cmake --build /tmp/kernels --parallel \
    && cp /tmp/kernels/kernel_runner /tmp/kernels/kernel_cycles /dist


FROM system
ENV PATH=/opt/miua/bin:$PATH \
    HOME=/home/miua \
    USER=miua \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    MIUA_CONTAINER=1
COPY --from=dependencies /opt/miua /opt/miua
WORKDIR /miua
COPY . .
# Whoever runs the image, by whatever number: these folders are theirs, and the rest is not.
RUN --mount=type=bind,from=package,source=/dist,target=/dist \
    uv pip install --no-cache --offline --no-deps --python /opt/miua /dist/*.whl \
    && mkdir /opt/miua/kernels \
    && cp /dist/kernel_runner /dist/kernel_cycles /opt/miua/kernels \
    && chmod -R u=rwX,go=rX /miua \
    && python3 -m compileall -q miua \
    && mkdir -p results /home/miua/.cache /home/miua/.config \
    && chmod 1777 results /home/miua /home/miua/.cache /home/miua/.config
# `download`, or `context`: what --build-context named.
ARG BAKE_HC18=
ARG BAKE_INCEPTION=
RUN --mount=type=secret,id=certificates,target=/run/certificates.pem \
    --mount=type=bind,from=hc18,target=/run/hc18 \
    --mount=type=bind,from=inception,target=/run/inception \
    container/bake "${BAKE_HC18}" "${BAKE_INCEPTION}"
ENV MIUA_HC18=${BAKE_HC18:+/opt/data/hc18} \
    MIUA_INCEPTION_WEIGHTS=${BAKE_INCEPTION:+/opt/data/inception.pth}

ARG BASE_IMAGE
ARG MIUA_COMMIT=
ARG MIUA_VERSION=0.dev0
ENV MIUA_COMMIT=${MIUA_COMMIT}
LABEL org.opencontainers.image.title="miua2022" \
      org.opencontainers.image.description="Reruns a study of DCGAN-made fetal head ultrasound images, from images to printed paper" \
      org.opencontainers.image.licenses="Apache-2.0 AND CC-BY-SA-4.0" \
      org.opencontainers.image.version="${MIUA_VERSION}" \
      org.opencontainers.image.revision="${MIUA_COMMIT}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"
USER 1000:1000
CMD ["nox", "--list"]
