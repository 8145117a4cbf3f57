# syntax=docker/dockerfile:1
#
# Two images from one file, both at the versions of constraints.txt:
#   docker build -t lrtune-service .                     the service; add --build-arg EXTRAS=all for the gp sampler (torch)
#   docker build -t lrtune-worker --target worker .      a worker, with torch and the built-in tasks
# A mirror or a CPU-only index for pip is named by --build-arg PIP_INDEX_URL=... or PIP_EXTRA_INDEX_URL=... (never with a
# password: build arguments stay readable in the image's history).

ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PATH=/opt/lrtune/bin:$PATH
# The folder /data holds a SQLite file where no PostgreSQL is named, and is where a mounted training script is looked for.
RUN groupadd --gid 10001 lrtune \
    && useradd --uid 10001 --gid lrtune --create-home --shell /usr/sbin/nologin lrtune \
    && install --directory --owner=lrtune --group=lrtune /data

FROM base AS source
WORKDIR /src
RUN python -m venv /opt/lrtune
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY lrtune lrtune
COPY service service
COPY trainers trainers
COPY migrations migrations

FROM source AS build-service
ARG EXTRAS=service
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --disable-pip-version-check --constraint constraints.txt ".[${EXTRAS}]"

FROM source AS build-worker
ARG EXTRAS=trainers
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --disable-pip-version-check --constraint constraints.txt ".[${EXTRAS}]"

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
