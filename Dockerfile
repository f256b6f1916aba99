FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/crmsync
COPY pyproject.toml constraints.txt README.md CHANGELOG.md LICENSE ./
COPY src src
COPY connectors connectors
COPY mappings mappings
RUN /opt/crmsync/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/crmsync --create-home --shell /usr/sbin/nologin crmsync
COPY --from=build /opt/crmsync /opt/crmsync
ENV PATH=/opt/crmsync/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CRMSYNC_HOME=/etc/crmsync \
    CRMSYNC_DATABASE_URL=sqlite:////var/lib/crmsync/state.db \
    CRMSYNC_WEB__HOST=0.0.0.0
USER crmsync
VOLUME /var/lib/crmsync
EXPOSE 8787
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8787/healthz', timeout=4).close()"]
ENTRYPOINT ["crmsync"]
CMD ["run"]
