# syntax=docker/dockerfile:1
#
# Two images from one file, with the very files that deploy/requirements names by their hashes, which are those of
# constraints.txt:
#   docker build -t lrtune-service .                     the service
#   docker build -t lrtune-worker --target worker .      a worker, with torch and the built-in tasks
# --build-arg TORCH_INDEX_URL=... takes torch, of the same version, from an index with builds for other processors, for the
# CPU alone say; its files are not checked by hashes. --build-arg REQUIREMENTS="service worker torch" makes a service with
# the gp sampler, which needs torch. A mirror for pip is named by --build-arg PIP_INDEX_URL=... (never with a password: build
# arguments stay readable in the image's history).

ARG PYTHON_VERSION=3.11.14

FROM python:${PYTHON_VERSION}-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PATH=/opt/lrtune/bin:$PATH
# The folder /data holds a SQLite file where no PostgreSQL is named, and is where a mounted training script is looked for.
# Volumes that are mounted on these folders for the first time belong to this user.
RUN groupadd --gid 10001 lrtune \
    && useradd --uid 10001 --gid lrtune --create-home --shell /usr/sbin/nologin lrtune \
    && install --directory --owner=lrtune --group=lrtune /data /backups /checkpoints

# The package itself, built by a builder of known hashes.
FROM base AS source
ARG PIP_INDEX_URL
WORKDIR /src
COPY deploy/requirements deploy/requirements
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/build \
    && /opt/build/bin/pip install --disable-pip-version-check --require-hashes --no-deps -r deploy/requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY lrtune lrtune
COPY service service
COPY trainers trainers
COPY migrations migrations
RUN /opt/build/bin/pip wheel --disable-pip-version-check --no-index --no-deps --no-build-isolation --wheel-dir /wheels .

FROM source AS build-service
ARG REQUIREMENTS=service
ARG PIP_INDEX_URL
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/lrtune \
    && for one in ${REQUIREMENTS}; do \
        pip install --disable-pip-version-check --require-hashes --no-deps -r "deploy/requirements/$one.txt" || exit 1; \
    done \
    && pip install --disable-pip-version-check --no-index --no-deps /wheels/*.whl \
    && pip check

FROM source AS build-worker
ARG REQUIREMENTS=worker
ARG PIP_INDEX_URL
ARG TORCH_INDEX_URL
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/lrtune \
    && for one in ${REQUIREMENTS}; do \
        pip install --disable-pip-version-check --require-hashes --no-deps -r "deploy/requirements/$one.txt" || exit 1; \
    done \
    && if [ -n "${TORCH_INDEX_URL}" ]; then \
        pip install --disable-pip-version-check --no-deps --index-url "${TORCH_INDEX_URL}" \
            "$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' deploy/requirements/torch.txt)"; \
    else \
        pip install --disable-pip-version-check --require-hashes --no-deps -r deploy/requirements/torch.txt; \
    fi \
    && pip install --disable-pip-version-check --no-index --no-deps /wheels/*.whl

FROM base AS worker
COPY --from=build-worker /opt/lrtune /opt/lrtune
USER 10001:10001
WORKDIR /data
# Where to work comes from outside: LRTUNE_SERVER, LRTUNE_STUDY, LRTUNE_TASK, LRTUNE_CONCURRENCY.
CMD ["lrtune", "worker"]

# Last, so that it is what a plain `docker build` makes.
FROM base AS service
COPY --from=build-service /opt/lrtune /opt/lrtune
USER 10001:10001
WORKDIR /data
# Others reach it, so it wants a token and does not start without one: name a file with an admin's, mounted as a secret,
# by LRTUNE_ADMIN_TOKEN_FILE; docker-compose.yml shows how. LRTUNE_INSECURE=true serves everybody.
# It answers to IP addresses; names that it is to be called by are given from outside: LRTUNE_ALLOWED_HOSTS. Its dashboard
# is read-only unless LRTUNE_DASHBOARD_WRITES is true.
ENV LRTUNE_HOST=0.0.0.0 LRTUNE_PORT=8080 LRTUNE_STORAGE=sqlite:////data/lrtune.db
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client as h, os, ssl, sys; at = ('127.0.0.1', int(os.environ['LRTUNE_PORT'])); c = h.HTTPSConnection(*at, timeout=4, context=ssl._create_unverified_context()) if os.environ.get('LRTUNE_CERTIFICATE') else h.HTTPConnection(*at, timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
CMD ["lrtune", "serve"]
