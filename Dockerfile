# One image for every service and the command line: `python -m services.<name>`, `minuano`.
FROM python:3.13-slim AS build
# The environment gets no pip of its own: the base image's pip fills it from outside.
RUN python -m venv --without-pip /venv
COPY requirements/base.lock /tmp/
RUN pip --python /venv/bin/python install --require-hashes --no-cache-dir --no-compile \
        --disable-pip-version-check --root-user-action ignore -r /tmp/base.lock \
# What runs needs neither the libraries' own tests nor pyarrow's C++ headers.
    && find /venv/lib -depth -type d \( -name tests -o -path '*/pyarrow/include' \) -exec rm -r {} + \
# The services run on a read-only file system: bytecode is made here or at every start.
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /venv/lib
COPY requirements/link.py /app/requirements/
RUN /venv/bin/python /app/requirements/link.py

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Minuano" \
      org.opencontainers.image.description="10-minute statistics from raw wind-turbine samples" \
      org.opencontainers.image.licenses="MIT"
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin minuano
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
RUN python -m compileall -q --invalidation-mode unchecked-hash .
# As a number, so that Kubernetes can see that it is not root.
USER 10001
STOPSIGNAL SIGTERM
CMD ["minuano", "--help"]
