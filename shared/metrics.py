"""Prometheus metrics of stages, streams and HTTP connections. The FastAPI instrumentator adds those
of HTTP requests.
"""

from prometheus_client import Counter, Gauge, Histogram

stage_entries = Counter("minuano_stage_entries", "Entries handled by a stage", ["stage"])
stage_handle_seconds = Histogram(
    "minuano_stage_handle_seconds", "Seconds from reading to acknowledging entries", ["stage"]
)
stage_crashes = Counter(
    "minuano_stage_crashes", "Handler crashes after which the entry is retried", ["stage"]
)
stage_dead_letters = Counter(
    "minuano_stage_dead_letters", "Entries moved to the dead letters", ["stage", "reason"]
)
stage_undeliverable_entries = Counter(
    "minuano_stage_undeliverable_entries",
    "Entries that Redis would not have delivered again, found and released",
    ["stage"],
)
stage_paused = Gauge(
    "minuano_stage_paused", "Consumers of a stage that wait for an outage to end", ["stage"]
)
stream_full = Gauge(
    "minuano_stream_full", "1 while a publisher waits for room in a stream", ["stream"]
)
stream_backlog = Gauge(
    "minuano_stream_backlog", "Entries in a stream at the last check by this process", ["stream"]
)
oldest_open_job = Gauge(
    "minuano_oldest_open_job_seconds",
    "Age of the oldest job that has not ended, by the clock of the target; 0 if there is none, NaN "
    "while the target is unavailable",
    ["state"],
)
http_connections_closed = Counter(
    "minuano_http_connections_closed", "Client connections closed because of a limit", ["reason"]
)


def record_handled(stage: str, count: int, took_s: float) -> None:
    """Count entries that were handled and acknowledged together."""
    stage_entries.labels(stage).inc(count)
    stage_handle_seconds.labels(stage).observe(took_s)
