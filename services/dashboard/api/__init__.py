"""The read API, one module for each thing that can be asked for."""

from services.dashboard.api import (
    charts,
    coverage,
    dead_letters,
    jobs,
    pipeline,
    quality,
    signals,
    source,
)

ROUTERS = [
    each.router
    for each in (signals, quality, coverage, charts, jobs, source, pipeline, dead_letters)
]
