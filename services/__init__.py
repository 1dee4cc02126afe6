"""The services, each started as `python -m services.<name>`."""
