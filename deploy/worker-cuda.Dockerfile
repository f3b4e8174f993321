# The working half on an NVIDIA GPU: one process a GPU, a thread a core; pictures that wait share a pass of the net.
# Never built so far: see "What was not tested" in docs/operations.md. Two variants, from the root:
#   docker build -f deploy/worker-cuda.Dockerfile -t photochrom-worker-cuda .
#   docker build -f deploy/worker-cuda.Dockerfile --build-arg VARIANT=opencv -t photochrom-worker-cuda:opencv .
# Run it with the GPU handed over: docker run --gpus 1 ... (NVIDIA Container Toolkit).
ARG VARIANT=onnxruntime

# Variant onnxruntime: CUDA and cuDNN come as Python packages, and nothing is compiled. The quicker way.
FROM python:3.11-slim AS onnxruntime
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PHOTOCHROM_ENGINE=onnxruntime
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE NOTICE ./
COPY photochrom photochrom
COPY cli cli
COPY worker worker
COPY models models
COPY shared shared
RUN pip install -c requirements.lock '.[worker,onnxruntime-gpu]' && rm -rf /src/*

# Variant opencv: OpenCV's own CUDA backend, which no wheel has, compiled from the source distribution. It takes an hour
# on eight cores. Only the modules that Photochrom uses are built, for GPUs from Turing (2018) on.
FROM nvidia/cuda:12.9.1-cudnn-devel-ubuntu24.04 AS opencv-wheel
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        build-essential cmake ninja-build python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
ENV ENABLE_CONTRIB=1 \
    ENABLE_HEADLESS=1 \
    CMAKE_ARGS="-DWITH_CUDA=ON -DWITH_CUDNN=ON -DWITH_CUBLAS=ON -DOPENCV_DNN_CUDA=ON -DCUDA_ARCH_BIN=7.5,8.0,8.6,8.9,9.0 -DCUDA_ARCH_PTX=9.0 -DBUILD_LIST=core,cudev,dnn,imgcodecs,imgproc,python3"
RUN python3 -m venv /build \
    && /build/bin/pip wheel --no-deps --no-binary opencv-contrib-python-headless --wheel-dir /wheels \
        opencv-contrib-python-headless==4.14.0.94

FROM nvidia/cuda:12.9.1-cudnn-runtime-ubuntu24.04 AS opencv
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/photochrom
ENV PATH=/opt/photochrom/bin:$PATH \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PHOTOCHROM_ENGINE=cv2
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE NOTICE ./
COPY photochrom photochrom
COPY cli cli
COPY worker worker
COPY models models
COPY shared shared
COPY --from=opencv-wheel /wheels /wheels
# Both packages bring a module cv2; the one with CUDA takes the other's place.
RUN pip install -c requirements.lock '.[worker]' \
    && pip uninstall -y opencv-python-headless \
    && pip install --no-deps /wheels/*.whl \
    && rm -rf /src/* /wheels

FROM ${VARIANT} AS worker
# Each thread has a core of its own: libraries that start a thread a core only get into each other's way.
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OPENBLAS_NUM_THREADS=1 \
    PHOTOCHROM_CACHE_DIR=/var/cache/photochrom \
    PHOTOCHROM_MODELS_DIR=/var/lib/photochrom/models \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

# The user owns the cache of compiled kernels and the models folder, over which a volume is mounted, and nothing else.
RUN useradd --system --uid 10001 --no-create-home photochrom \
    && install -d -o photochrom -g photochrom /var/cache/photochrom /var/lib/photochrom/models
USER 10001
WORKDIR /tmp

# Compiles the kernels. There is no GPU here: the nets are proved on the CPU now, and on the GPU at each start.
RUN ["photochrom", "doctor", "--warm"]
ENV PHOTOCHROM_DEVICE=cuda

# Healthy is a host that has announced itself within the last minute.
HEALTHCHECK --interval=15s --timeout=10s --start-period=90s --retries=4 \
    CMD ["python", "-c", "import sys; from shared.index.connection import connect; from shared.index.hosts import Hosts; from shared.settings import load; settings = load(); sys.exit(settings.host not in {host.name for host in Hosts(client=connect(settings.redis_url)).live()})"]

# A warm stop: what has begun is finished, nothing new is claimed. Whatever is cut off comes back when its lease ends.
STOPSIGNAL SIGTERM
ENTRYPOINT ["photochrom"]
CMD ["worker"]
