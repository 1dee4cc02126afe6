"""The aggregator: computes the 10-minute statistics of raw batches."""
