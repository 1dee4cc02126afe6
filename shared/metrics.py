"""Prometheus metrics of the stages; the HTTP ones come from the instrumentator."""

from prometheus_client import Counter, Gauge, Histogram

stream_entries = Counter("minuano_entries", "Entries handled", ["stage"])
stream_entry_seconds = Histogram(
    "minuano_handle_seconds", "Time from entries read to entries acknowledged", ["stage"]
)
stream_crashes = Counter(
    "minuano_entries_crashed", "Handler crashes that will be tried again", ["stage"]
)
stream_dead_letters = Counter(
    "minuano_entries_dead", "Entries moved to the dead letters", ["stage", "reason"]
)
stream_paused = Gauge(
    "minuano_stage_paused", "1 while a stage waits for an outage to end", ["stage"]
)
stage_waiting = Gauge("minuano_stream_full", "1 while a publisher waits for room", ["stream"])
stage_backlog = Gauge(
    "minuano_stream_entries", "Entries in a stream when last looked at", ["stream"]
)
http_connections_closed = Counter(
    "minuano_connections_ended", "Connections of clients that were ended by a bound", ["reason"]
)


def record_handled(stage: str, count: int, took_s: float) -> None:
    """Count a batch of entries that was acknowledged."""
    stream_entries.labels(stage).inc(count)
    stream_entry_seconds.labels(stage).observe(took_s)
