"""The state of the pipeline: sampling, stage health, dead letters, logs."""
