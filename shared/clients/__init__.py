"""Clients of the HTTP APIs of connector, extractor and Dagster."""
