"""The API, one module per resource."""

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
    module.router
    for module in (signals, quality, coverage, charts, jobs, source, pipeline, dead_letters)
]
