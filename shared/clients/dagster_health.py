"""Whether the processes of a Dagster deployment are ready; this does not import Dagster."""

import socket
from typing import Any

import httpx

from shared.clients import tls

TIMEOUT_S = 5.0
_LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries {"
_LOCATIONS += " locationOrLoadError { __typename } } } } }"
_DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { required healthy } } } }"


def is_listening(host: str, port: int) -> bool:
    """Whether the code location accepts connections; it does once its code is loaded."""
    try:
        socket.create_connection((host, port), timeout=TIMEOUT_S).close()
    except OSError:
        return False
    return True


def has_loaded_code(url: str) -> bool:
    """Whether the webserver answers and every code location is loaded without an error."""
    entries = _query(url, _LOCATIONS).get("workspaceOrError", {}).get("locationEntries", [])
    types = [(entry["locationOrLoadError"] or {}).get("__typename") for entry in entries]
    return bool(types) and set(types) == {"RepositoryLocation"}


def has_daemons(url: str) -> bool:
    """Whether each required daemon has sent its heartbeat to the instance."""
    health = _query(url, _DAEMONS).get("instance", {}).get("daemonHealth", {})
    required = [daemon for daemon in health.get("allDaemonStatuses", []) if daemon["required"]]
    return bool(required) and all(daemon["healthy"] for daemon in required)


def _query(url: str, query: str) -> dict[str, Any]:
    """The data that Dagster's GraphQL API returns; empty while there is no response."""
    try:
        response = httpx.post(
            f"{url.rstrip('/')}/graphql", json={"query": query}, timeout=TIMEOUT_S,
            trust_env=False, verify=tls.context(),
        )  # fmt: skip
    except httpx.TransportError:
        return {}
    return response.json().get("data") or {} if response.is_success else {}
