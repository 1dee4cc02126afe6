"""Whether the parts of a Dagster deployment are ready, without loading Dagster."""

import socket
from typing import Any

import httpx

TIMEOUT_S = 5.0
_LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries {"
_LOCATIONS += " locationOrLoadError { __typename } } } } }"
_DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { required healthy } } } }"


def is_listening(host: str, port: int) -> bool:
    """Whether the code location takes connections, which it does once its code is loaded."""
    try:
        socket.create_connection((host, port), timeout=TIMEOUT_S).close()
    except OSError:
        return False
    return True


def has_loaded_code(url: str) -> bool:
    """Whether the webserver answers and every code location is loaded without an error."""
    found = _ask(url, _LOCATIONS).get("workspaceOrError", {}).get("locationEntries", [])
    loaded = [(entry["locationOrLoadError"] or {}).get("__typename") for entry in found]
    return bool(loaded) and set(loaded) == {"RepositoryLocation"}


def has_daemons(url: str) -> bool:
    """Whether each daemon that is needed has told the instance that it lives."""
    found = _ask(url, _DAEMONS).get("instance", {}).get("daemonHealth", {})
    needed = [daemon for daemon in found.get("allDaemonStatuses", []) if daemon["required"]]
    return bool(needed) and all(daemon["healthy"] for daemon in needed)


def _ask(url: str, query: str) -> dict[str, Any]:
    """The answer of Dagster's GraphQL API; empty while there is none."""
    try:
        answer = httpx.post(
            f"{url.rstrip('/')}/graphql", json={"query": query}, timeout=TIMEOUT_S, trust_env=False
        )
    except httpx.TransportError:
        return {}
    return answer.json().get("data") or {} if answer.is_success else {}
