# One image for all of ours: scrapyd with the project deployed, the timetable, the site, commands.
# docker-compose.yml shows how they go together, docs/deployment.md tells the rest.

FROM python:3.13-slim AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

FROM base AS build
WORKDIR /src
# Requirements first: they change less often than the code, and this layer is the slow one.
COPY requirements.txt requirements-scrapyd.txt ./
RUN python -m venv /opt/venv && pip install -r requirements.txt -r requirements-scrapyd.txt
COPY setup.py pyproject.toml MANIFEST.in README.md LICENSE scrapy.cfg profiles.yaml ./
COPY pyfcrawl pyfcrawl
COPY pyfcrawl_scrapyd pyfcrawl_scrapyd
# The egg is for scrapyd's jobs, the installed package for commands.
RUN python setup.py --quiet bdist_egg --dist-dir /egg \
    && mv /egg/*.egg /pyfcrawl.egg \
    && pip install --no-deps --no-build-isolation .

FROM base
# /data exists and belongs to the user before it becomes a volume: a new one takes that over.
RUN useradd --create-home --uid 1000 pyfcrawl \
    && install --directory --owner=pyfcrawl --group=pyfcrawl /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /pyfcrawl.egg /app/pyfcrawl.egg
COPY scrapy.cfg docker/entrypoint docker/healthy.py /app/
COPY scrapyd.conf /etc/scrapyd/scrapyd.conf

WORKDIR /app
USER pyfcrawl
ENV DATA_DIR=/data
VOLUME /data
EXPOSE 6800 8080

ENTRYPOINT ["/app/entrypoint"]
CMD ["scrapyd"]
# For scrapyd; the other services of docker-compose.yml have checks of their own.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "/app/healthy.py", "scrapyd"]
