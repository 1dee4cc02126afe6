"""An embedded Redis (or Valkey): append-only file, no eviction, a password."""

from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cli.embedded import ports, server_binaries
from cli.embedded.child_process import Child, stop_on_error
from cli.embedded.secret_file import password_in, write_secret

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 3.0


class RedisServer:
    """A server with its data in a folder; its configuration file contains the password."""

    def __init__(
        self,
        folder: Path,
        logs: Path,
        *,
        host: str = ports.HOST,
        port: int | None = None,
        server: server_binaries.Server | None = None,
    ) -> None:
        self.server = server or server_binaries.redis()
        self.host, self.port = host, port or ports.free()
        self.folder, self._log = folder, logs / "redis.log"

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@{self.host}:{self.port}/0"

    def start(self) -> Child:
        """Start the server and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._password = password_in(self.folder / "password")
        config = self.folder / "redis.conf"
        write_secret(config, self._config())
        # Relative to the folder: a path in the file would have to be quoted.
        child = Child(
            self.server.name, [self.server.program, config.resolve()], self._log,
            options={"cwd": self.folder},
        )  # fmt: skip
        child.start()
        with stop_on_error(child, within_s=STOP_WITHIN_S):
            child.wait_until_ready(self._answers, within_s=READY_WITHIN_S)
        return child

    def _config(self) -> str:
        return (
            f"bind {self.host}\nport {self.port}\nrequirepass {self._password}\n"
            f'dir "."\nappendonly yes\nappendfsync everysec\nsave ""\n'
            "maxmemory-policy noeviction\n"
        )

    def _answers(self) -> bool:
        once = Retry(NoBackoff(), 0)
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2, retry=once) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False
