"""The state of a running stack, and the lock on its folder."""

import fcntl
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from shared.errors import Conflict

STATE_FILE, LOCK_FILE = "stack.json", "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackState:
    """The URLs and settings that another process needs."""

    source_url: str
    target_url: str
    owner_source_url: str
    owner_target_url: str
    redis_url: str
    connector_url: str
    extractor_url: str
    dashboard_url: str
    servers: dict[str, str]
    folder: str
    dagster_url: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    pid: int = field(default_factory=os.getpid)

    def environment(self) -> dict[str, str]:
        """The settings of the services: these URLs, and what else was set for the stack."""
        return {
            **self.settings,
            "MINUANO_SOURCE_URL": self.source_url,
            "MINUANO_TARGET_URL": self.target_url,
            "MINUANO_REDIS_URL": self.redis_url,
            "MINUANO_CONNECTOR_URL": self.connector_url,
            "MINUANO_EXTRACTOR_URL": self.extractor_url,
        }


def find(folder: Path) -> StackState | None:
    """The stack that runs with its data in `folder`, or None."""
    try:
        state = StackState(**json.loads((folder / STATE_FILE).read_text()))
        with (folder / LOCK_FILE).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return state
    except (OSError, ValueError, TypeError):
        return None
    return None  # the lock is free: the stack was killed, its state is stale


def locked(folder: Path) -> BinaryIO:
    """Lock the folder; the kernel releases the lock when this process ends, for whatever reason."""
    lock = (folder / LOCK_FILE).open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise Conflict(f"{folder} is in use by another minuano: stop it first") from None
    return lock
