"""The pages, one module each: ask, render, act."""

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
    each.router for each in (sign_in, overview, pipeline, jobs, job, dead_letters, data, docs)
]
