# A small image for pods: non-root, read-only root file system, no shell needed.
#
#   docker build -t airbyte-sync .
#   docker run --rm --read-only --cap-drop=ALL -e AIRBYTE_URL airbyte-sync run --conn orders
#
# A release pins the base: --build-arg BASE_DIGEST=sha256:...
# With --build-arg SOURCE_DATE_EPOCH, two builds from one base have the same content (docs/image.md).
ARG BASE_IMAGE=python:3.13-slim
ARG BASE_DIGEST=

FROM ${BASE_IMAGE}${BASE_DIGEST:+@${BASE_DIGEST}} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python3 -m venv --without-pip /opt/airbyte-sync && python3 -m venv /build/tools
COPY requirements.txt requirements-build.txt ./
RUN /build/tools/bin/pip --python /opt/airbyte-sync/bin/python install --no-compile \
        --only-binary=:all: --require-hashes -r requirements.txt \
    && /build/tools/bin/pip install --require-hashes -r requirements-build.txt
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY airbyte_sync_cli airbyte_sync_cli
ARG REVISION=unknown
ARG SOURCE_DATE_EPOCH=1580601600
# Compile at build time with unchecked hashes: no compilation at start, works with a read-only root
# file system, reproducible (by one process: several would differ in what they have interned).
# Scripts of dependencies (`httpx`, `uvicorn`) are removed.
RUN [ "$REVISION" = unknown ] || export SOURCE_COMMIT="$REVISION"; \
    /build/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /build/tools/bin/pip --python /opt/airbyte-sync/bin/python install --no-deps --no-index \
        --no-compile dist/*.whl \
    && /opt/airbyte-sync/bin/python -m compileall -q --invalidation-mode unchecked-hash \
        /opt/airbyte-sync/lib \
    && find /opt/airbyte-sync/bin -type f ! -name airbyte-sync -delete \
    && find /opt/airbyte-sync -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +

FROM ${BASE_IMAGE}${BASE_DIGEST:+@${BASE_DIGEST}}
ARG BASE_IMAGE
LABEL org.opencontainers.image.title="airbyte-sync" \
      org.opencontainers.image.description="Start Airbyte syncs, wait for them, and report their real outcome" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"
COPY --from=build /opt/airbyte-sync /opt/airbyte-sync
ENV PATH=/opt/airbyte-sync/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /
ENTRYPOINT ["airbyte-sync"]
CMD ["--help"]
