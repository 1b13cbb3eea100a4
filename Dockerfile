# napsim as an image: the operator and every other sub-command. Built by hack/image/build.
#
# BASE_IMAGE is any image with Python 3.11 or newer, pip and venv; both stages are made from the same one. What is built
# is the same to the byte whenever and wherever it is built on the same base: so name the base by its digest, as in
# BASE_IMAGE=python:3.13-slim@sha256:..., where that matters.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
ARG SOURCE_DATE_EPOCH=0
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0 \
    PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python3 -m venv --without-pip /opt/napsim && python3 -m venv tools
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN tools/bin/python -m pip install --only-binary :all: --require-hashes --requirement requirements/build.txt \
 && tools/bin/python -m pip --python /opt/napsim/bin/python install --only-binary :all: --require-hashes \
      --requirement requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY hack/readme.py hack/
COPY operator operator
RUN tools/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && tools/bin/python -m pip --python /opt/napsim/bin/python install --no-deps --no-index dist/*.whl
COPY hack/image/slim.py ./
# A folder that is laid over the base's root, so that the folders above ours have its times too.
RUN tools/bin/python slim.py /opt/napsim \
 && mkdir -p /laid-over/opt && mv /opt/napsim /laid-over/opt/napsim \
 && find /laid-over -exec touch --no-dereference --date=@${SOURCE_DATE_EPOCH} {} +

FROM ${BASE_IMAGE}
ARG VERSION=0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="napsim" \
      org.opencontainers.image.description="Plays AKS Node Auto-Provisioning and Karpenter in a test cluster" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=build /laid-over/ /
# Nothing is ever written: no bytecode (it is there), no cache. Whatever user it runs as has no entry in /etc/passwd:
# LOGNAME is what Kopf takes for its name, HOME is where a kubeconfig would be looked for.
ENV PATH=/opt/napsim/bin:${PATH} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp LOGNAME=napsim
USER 65532:65532
ENTRYPOINT ["/opt/napsim/bin/napsim"]
