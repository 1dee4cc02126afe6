"""The Dagster code location: daily partitions, a schedule, a sensor for late data and checks."""
