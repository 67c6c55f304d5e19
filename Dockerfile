# DFD in a container: `dfd serve` as it is, `dfd worker` and every other command by its name. docs/deployment.md.
# Needs BuildKit. Two secrets, both optional, are for networks with an index or a certificate authority of their own:
#   docker build --secret id=pip.conf,src=pip.conf --secret id=ca.pem,src=ca.pem .
# where pip.conf says `[global]`, `cert = /run/secrets/ca.pem` and what else pip must know.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /build
ENV PIP_CACHE_DIR=/var/cache/pip
COPY requirements/build.txt requirements/container.txt requirements/
# Every package by its hash; the tools that make our own package stay in an environment that is left behind.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.pem \
    --mount=type=cache,target=/var/cache/pip \
    python3 -m venv --without-pip /opt/dfd \
    && python3 -m venv /opt/tools \
    && /opt/tools/bin/python -m pip install --require-hashes --no-compile --requirement requirements/build.txt \
    && /opt/tools/bin/python -m pip --python /opt/dfd install --require-hashes --no-compile --only-binary :all: \
        --requirement requirements/container.txt
COPY LICENSE NOTICE README.md pyproject.toml ./
COPY src src
COPY models models
COPY deploy/docker deploy/docker
RUN /opt/tools/bin/python -m pip wheel --no-index --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/tools/bin/python -m pip --python /opt/dfd install --no-index --no-deps --no-compile dist/*.whl \
    && cp deploy/docker/healthcheck.py /opt/dfd/bin/ \
    && python3 deploy/docker/prune.py "$(/opt/dfd/bin/python -c 'import site; print(site.getsitepackages()[0])')" \
    # A read-only root cannot keep what Python compiles, so it is compiled now.
    && /opt/dfd/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/dfd/lib

FROM ${BASE_IMAGE}
ARG BASE_IMAGE
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="DFD" \
      org.opencontainers.image.description="Deepfake detection on video: HTTP service and worker" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"

# Numbers, not names, so that Kubernetes can tell that it is not root. Nothing is installed from here on, so pip goes.
RUN groupadd --system --gid 10001 dfd \
    && useradd --system --uid 10001 --gid dfd --no-create-home --home-dir /var/lib/dfd --shell /usr/sbin/nologin dfd \
    && install --directory --owner dfd --group dfd --mode 0700 /var/lib/dfd \
    && if python3 -m pip --version >/dev/null 2>&1; then \
        python3 -m pip uninstall --yes --root-user-action ignore pip setuptools wheel; fi
COPY --from=build /opt/dfd /opt/dfd
COPY --from=build /build/LICENSE /build/NOTICE /usr/share/doc/dfd/

ENV PATH=/opt/dfd/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    DATA_DIR=/var/lib/dfd \
    TMPDIR=/var/tmp
# Jobs with SQLite and folders, and uploads while they are analysed. All else may be read-only.
VOLUME ["/var/lib/dfd", "/var/tmp"]
WORKDIR /var/lib/dfd
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Of `dfd serve`. A worker has no port unless METRICS_PORT is set: give it a check of its own, or none.
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 \
    CMD ["python", "/opt/dfd/bin/healthcheck.py", "http://127.0.0.1:8000/readyz"]
ENTRYPOINT ["dfd"]
CMD ["serve"]
