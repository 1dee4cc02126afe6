"""The pages, one module each."""

from services.dashboard.pages import (
    data,
    dead_letters,
    docs,
    job,
    jobs,
    overview,
    pipeline,
    sign_in,
)

ROUTERS = [
    page.router for page in (sign_in, overview, pipeline, jobs, job, dead_letters, data, docs)
]
