"""An embedded Redis (or Valkey): append-only file, no eviction, a password."""

import secrets
import time
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cli.embedded import ports, server_binaries
from cli.embedded.child_process import Child, ended_on_error
from shared.errors import MinuanoError

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 3.0


class RedisServer:
    """A server with its data in a folder; the password stands in its configuration file."""

    def __init__(
        self,
        folder: Path,
        logs: Path,
        *,
        port: int | None = None,
        server: server_binaries.Server | None = None,
    ) -> None:
        self.server = server or server_binaries.redis()
        self.port = port or ports.free()
        self.folder, self._log = folder, logs / "redis.log"

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@{ports.HOST}:{self.port}/0"

    def start(self) -> Child:
        """Start the server and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._password = self._secret()
        child = Child(self.server.name, [self.server.program, self._configure()], self._log)
        child.start()
        with ended_on_error(child, within_s=STOP_WITHIN_S):
            self._wait_until_ready(child)
        return child

    def _secret(self) -> str:
        path = self.folder / "password"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(18))
        return path.read_text()

    def _configure(self) -> Path:
        path = self.folder / "redis.conf"
        path.touch(mode=0o600)
        path.write_text(
            f"bind {ports.HOST}\nport {self.port}\nrequirepass {self._password}\n"
            f'dir "{self.folder}"\nappendonly yes\nappendfsync everysec\nsave ""\n'
            "maxmemory-policy noeviction\n"
        )
        return path

    def _wait_until_ready(self, child: Child) -> None:
        until = time.monotonic() + READY_WITHIN_S
        once = Retry(NoBackoff(), 0)
        with redis.Redis.from_url(self.url, socket_timeout=2, retry=once) as client:
            while True:
                try:
                    client.ping()
                except (redis.ConnectionError, redis.TimeoutError):
                    child.require_running()
                    if time.monotonic() > until:
                        raise MinuanoError(f"{child.name} is silent; {child.log_tail()}") from None
                    time.sleep(0.02)
                else:
                    return
