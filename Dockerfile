# syncer: one small image for the sidecar, the CronJob, the Deployment and pipelines.
# Pin the base by digest where you build it, in a copy of the two FROM lines.
ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
COPY .ci/locks/run.txt .ci/locks/build.txt .ci/locks/
RUN python -m venv /opt/syncer \
 && /opt/syncer/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r .ci/locks/run.txt
# The build backend comes from a hashed lock, too, in a virtual environment of its own.
RUN python -m venv /tmp/builder \
 && /tmp/builder/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r .ci/locks/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY config config
COPY syncer syncer
RUN /tmp/builder/bin/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
 && /opt/syncer/bin/python -m pip install --quiet --no-deps --no-index /tmp/wheel/*.whl \
 && /opt/syncer/bin/python -m pip uninstall --quiet --yes pip \
 && /opt/syncer/bin/python -m compileall -q -j 0 /opt/syncer/lib

FROM python:${PYTHON_VERSION}-slim
# Debian's security updates come with each build: a pinned version would keep them out. Nothing installs anything later: no pip.
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends git openssh-client gpg ca-certificates \
 && rm -rf /var/lib/apt/lists/* /usr/local/bin/pip* /usr/local/lib/python3*/ensurepip /usr/local/lib/python3*/site-packages/pip* \
 && echo 'syncer:x:65532:65532::/nonexistent:/usr/sbin/nologin' >> /etc/passwd \
 && mkdir -p /var/lib/syncer && chown 65532:65532 /var/lib/syncer && chmod 0700 /var/lib/syncer
COPY --from=build /opt/syncer /opt/syncer
ENV PATH=/opt/syncer/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    XDG_STATE_HOME=/var/lib
# Last, so that another commit builds nothing below anew.
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="syncer" \
      org.opencontainers.image.description="GitOps config sync for Exotel WebRTC app settings" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER 65532:65532
WORKDIR /var/lib/syncer
ENTRYPOINT ["syncer"]
CMD ["run"]
