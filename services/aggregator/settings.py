"""Settings of the aggregator. Each batch carries its own settings of statistics."""

from shared.http.settings import HttpSettings
from shared.settings import WorkerSettings


class AggregatorSettings(WorkerSettings, HttpSettings):
    """The aggregator: the streams, and its own address for health and metrics."""
