"""The pages, one module each: ask, render, act."""

from services.dashboard.pages import choices, data, dead, docs, job, jobs, overview, pipeline

ROUTERS = [each.router for each in (choices, overview, pipeline, jobs, job, dead, data, docs)]
