"""README.md, "Docker Compose", without a Docker engine.

tests/docker/ runs the commands if an engine is available.
"""

from pathlib import Path

import yaml  # type: ignore[import-untyped]

COMPOSE_FILE = Path(__file__).parents[2] / "docker-compose.yml"


def test_up_starts_the_databases_redis_the_sample_data_the_services_and_the_dashboard() -> None:
    """> two databases, Redis, sample data, four services, dashboard on 8080"""
    services = yaml.safe_load(COMPOSE_FILE.read_text())["services"]
    assert {name for name, service in services.items() if "profiles" not in service} == {
        "source-db", "target-db", "redis", "migrate", "seed",
        "connector", "extractor", "aggregator", "loader", "dashboard",
    }  # fmt: skip
    [port] = services["dashboard"]["ports"]
    assert "8080" in port
