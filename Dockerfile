# The image of the controller: a wheel and its locked dependencies on a slim base, run by an unprivileged user.
# `docker build --build-arg VERSION=$(git describe --tags --always) --build-arg REVISION=$(git rev-parse HEAD) \
#   --build-arg CREATED=$(date -u +%Y-%m-%dT%H:%M:%SZ) .`
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/model-controller
COPY requirements/build.txt requirements/base.txt requirements/
RUN /opt/model-controller/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt -r requirements/base.txt
COPY pyproject.toml README.md LICENSE ./
COPY controller controller
RUN /opt/model-controller/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="model-controller" \
      org.opencontainers.image.description="Turns one Model resource into everything that serves it on Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=build /opt/model-controller /opt/model-controller
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["/opt/model-controller/bin/model-controller"]
CMD ["run"]
