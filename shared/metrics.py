"""Prometheus metrics of the stages; the HTTP ones come from the instrumentator."""

from prometheus_client import Counter, Gauge, Histogram

entries = Counter("minuano_entries", "Entries handled", ["stage"])
seconds = Histogram(
    "minuano_handle_seconds", "Time from entries read to entries acknowledged", ["stage"]
)
crashed = Counter("minuano_entries_crashed", "Handler crashes that will be tried again", ["stage"])
dead = Counter("minuano_entries_dead", "Entries moved to the dead letters", ["stage", "reason"])
paused = Gauge("minuano_stage_paused", "1 while a stage waits for an outage to end", ["stage"])
waiting = Gauge("minuano_stream_full", "1 while a publisher waits for room", ["stream"])
backlog = Gauge("minuano_stream_entries", "Entries in a stream when last looked at", ["stream"])
connections_ended = Counter(
    "minuano_connections_ended", "Connections of clients that were ended by a bound", ["reason"]
)


def handled(stage: str, count: int, took_s: float) -> None:
    """Count a batch of entries that was acknowledged."""
    entries.labels(stage).inc(count)
    seconds.labels(stage).observe(took_s)
