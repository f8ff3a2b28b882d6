# The image of `injector serve`. A fresh clone is all it needs:
#
#   docker build --build-arg PYTHON_IMAGE=IMAGE --tag REGISTRY/sidecar-injector:0.1.0 .
#
# PYTHON_IMAGE is any image with Python 3.11 to 3.13 and pip, Debian's libc or musl; pin it by digest where you
# build. All that is installed is pinned by hashes in requirements/. `make image` runs this where a container engine
# answers.
ARG PYTHON_IMAGE=python:3.13-slim

# The wheel. Nothing of this stage is in the image.
FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /build
RUN python -m venv /opt/backend
COPY requirements/build.txt /build/
RUN /opt/backend/bin/python -m pip --no-cache-dir --disable-pip-version-check install \
    --require-hashes --only-binary :all: --requirement /build/build.txt
COPY pyproject.toml README.md LICENSE NOTICE /build/source/
COPY hack/__init__.py hack/ahead.py hack/build_hook.py /build/source/hack/
COPY templates /build/source/templates
COPY injector /build/source/injector
RUN /opt/backend/bin/python -m pip --disable-pip-version-check wheel \
    --no-deps --no-build-isolation --no-index --wheel-dir /build/dist /build/source

# The packages and the wheel, in an environment without pip: the image installs nothing any more.
FROM ${PYTHON_IMAGE} AS build
RUN python -m venv --without-pip /opt/injector
COPY requirements/serve.txt /build/
RUN python -m pip --python /opt/injector/bin/python --no-cache-dir --disable-pip-version-check install \
    --no-compile --require-hashes --only-binary :all: --requirement /build/serve.txt
COPY --from=wheel /build/dist /build/dist
RUN python -m pip --python /opt/injector/bin/python --no-cache-dir --disable-pip-version-check install \
    --no-compile --no-deps --no-index /build/dist/*.whl
# All bytecode, without the times of files in it: two builds give the same.
RUN PYTHONHASHSEED=0 /opt/injector/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/injector/lib

FROM ${PYTHON_IMAGE}
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="sidecar-injector" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/injector /opt/injector
# A root that is read-only takes no bytecode.
ENV PATH=/opt/injector/bin:${PATH} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A number, or a kubelet could not tell that it is not root.
USER 65532:65532
WORKDIR /
EXPOSE 8443 8080
ENTRYPOINT ["/opt/injector/bin/injector"]
CMD ["serve"]
