FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

# /data exists and belongs to the user before it becomes a volume: a new one takes that over.
RUN useradd --create-home --uid 1000 pyfcrawl \
    && install --directory --owner=pyfcrawl --group=pyfcrawl /data

WORKDIR /app

# Requirements first: they change less often than the code, and this layer is the slow one.
COPY requirements.txt .
RUN pip install -r requirements.txt

COPY scrapy.cfg profiles.yaml ./
COPY pyfcrawl pyfcrawl

USER pyfcrawl
ENV DATA_DIR=/data
VOLUME /data

ENTRYPOINT ["scrapy"]
CMD ["--help"]
