# The image of `injector serve`, from a wheel in dist/:
#
#   python -m pip install --require-hashes --requirement requirements/build.txt
#   python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist .
#   docker build --build-arg PYTHON_IMAGE=IMAGE -t sidecar-injector .
#
# PYTHON_IMAGE is any image with Python 3.11 to 3.13 and pip, Debian's libc or musl; pin it by digest where you
# build. What is installed is pinned by hashes in requirements/serve.txt.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
COPY requirements/serve.txt /build/
# Without pip inside: the image installs nothing any more.
RUN python -m venv --without-pip /opt/injector
RUN python -m pip --python /opt/injector/bin/python --no-cache-dir --disable-pip-version-check install \
    --require-hashes --only-binary :all: --requirement /build/serve.txt
COPY dist/sidecar_injector-*.whl /build/
RUN python -m pip --python /opt/injector/bin/python --no-cache-dir --disable-pip-version-check install \
    --no-deps --no-index /build/sidecar_injector-*.whl

FROM ${PYTHON_IMAGE}
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="sidecar-injector" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/injector /opt/injector
# All bytecode is there already, and a root that is read-only takes none.
ENV PATH=/opt/injector/bin:${PATH} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A number, or a kubelet could not tell that it is not root.
USER 65532:65532
WORKDIR /
EXPOSE 8443 8080
ENTRYPOINT ["/opt/injector/bin/injector"]
CMD ["serve"]
