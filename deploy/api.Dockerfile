# The HTTP half: no net, no picture library. The Python is the one that requirements.lock was made with. From the root:
#   docker build -f deploy/api.Dockerfile -t photochrom-api .
FROM python:3.11-slim

# Python's own output goes to the log as it comes; .pyc files are written once, by pip.
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE NOTICE ./
COPY photochrom photochrom
COPY cli cli
COPY api api
COPY shared shared
RUN pip install -c requirements.lock '.[api]' && rm -rf /src/*

# Nothing in the image belongs to this user. Uploads are spooled in /tmp until they are stored.
RUN useradd --system --uid 10001 --no-create-home photochrom
USER 10001
WORKDIR /tmp

EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]

# gunicorn stops on SIGTERM: it finishes what it is answering, for 5 s at most.
STOPSIGNAL SIGTERM
ENTRYPOINT ["photochrom"]
CMD ["api"]
