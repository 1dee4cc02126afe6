"""Settings of the aggregator. What it computes is no setting: each batch carries its own."""

from shared.settings import WorkerSettings


class AggregatorSettings(WorkerSettings):
    """Its own address for health and metrics, and the streams."""
