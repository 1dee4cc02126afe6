"""The state of the pipeline: its stages, dead letters and logs."""
