"""The Dagster code location: the pipeline on a schedule, with backfills a person can see."""
