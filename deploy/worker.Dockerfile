# The working half: nets, codecs and kernels. The Python is the one that requirements.lock was made with. From the root:
#   docker build -f deploy/worker.Dockerfile -t photochrom-worker .
FROM python:3.11-slim

# Each process has a core of its own: libraries that start a thread a core only get into each other's way.
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    OPENBLAS_NUM_THREADS=1 \
    PHOTOCHROM_CACHE_DIR=/var/cache/photochrom \
    PHOTOCHROM_MODELS_DIR=/var/lib/photochrom/models

WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE NOTICE ./
COPY photochrom photochrom
COPY cli cli
COPY worker worker
COPY models models
COPY shared shared
RUN pip install -c requirements.lock '.[worker]' && rm -rf /src/*

# The user owns the cache of compiled kernels and the models folder, over which a volume is mounted, and nothing else.
RUN useradd --system --uid 10001 --no-create-home photochrom \
    && install -d -o photochrom -g photochrom /var/cache/photochrom /var/lib/photochrom/models
USER 10001
WORKDIR /tmp

# Compiles the kernels and proves the nets. A machine with another kind of processor compiles them again at its start.
RUN ["photochrom", "doctor", "--warm"]

# Healthy is a host that has announced itself within the last minute. The first start on another processor takes longest.
HEALTHCHECK --interval=15s --timeout=10s --start-period=90s --retries=4 \
    CMD ["python", "-c", "import sys; from shared.index.connection import connect; from shared.index.hosts import Hosts; from shared.settings import load; settings = load(); sys.exit(settings.host not in {host.name for host in Hosts(client=connect(settings.redis_url)).live()})"]

# A warm stop: what has begun is finished, nothing new is claimed. Whatever is cut off comes back when its lease ends.
STOPSIGNAL SIGTERM
ENTRYPOINT ["photochrom"]
CMD ["worker"]
