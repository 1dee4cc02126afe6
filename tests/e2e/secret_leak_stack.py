"""A stack in which every secret is a canary. It collects all readable text, after success and
after failure.
"""

from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import redis

from cli.embedded import ports
from cli.embedded.child_process import Child
from cli.embedded.stack import Stack
from tests.canary import Canary
from tests.e2e.cli_process import minuano
from tests.e2e.pipeline import FAST_SETTINGS
from tests.e2e.sql import execute_once
from tests.prepared_cluster import NO_FSYNC

ROLES = {"SOURCE": "minuano_reader", "TARGET": "minuano_writer", "REDIS": "services"}
HEADER_CHARACTERS = "+/=~."
PUBLIC_PATHS = ("/metrics", "/health/live", "/health/ready", "/openapi.json", "/docs", "/nowhere")
PROTECTED_PATHS = {
    "connector": ("/variables", "/assets", "/extent", "/data?start=2025-12-05&limit=1", "/data"),
    "extractor": ("/jobs", "/jobs/1", "/jobs/999", "/jobs?limit=0"),
}
LEDGER_TABLES = ("etl.job", "etl.slice", "etl.audit", "signal", "quality")


class SecretLeakStack(Stack):
    """Two services log as JSON, two as console text; all at debug level."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, settings=FAST_SETTINGS, server_settings=NO_FSYNC)
        self.keys = [Canary(HEADER_CHARACTERS) for _ in range(3)]
        self.passwords = {role: Canary() for role in ROLES.values()}
        self.wrong_password = Canary()
        self.outputs: defaultdict[str, list[str]] = defaultdict(list)

    def leaks(self, kind: str) -> list[str]:
        """The places of a kind that contain a secret."""
        canaries = [*self.keys, *self.passwords.values(), self.wrong_password]
        return [
            place for place, texts in self.outputs.items() if place.startswith(f"{kind} ")
            and any(canary.appears_in(text) for canary in canaries for text in texts)
        ]  # fmt: skip

    def text_of(self, kind: str) -> str:
        """All text collected in places of a kind."""
        return "\n".join(
            text for place, texts in self.outputs.items() if place.startswith(f"{kind} ")
            for text in texts
        )  # fmt: skip

    # -- settings of the services

    def urls(self, *, wrong: bool = False, away: bool = False) -> dict[str, str]:
        """The URLs of the servers: valid, with a wrong password, or with a closed port."""

        def url(name: str, scheme: str, port: int, path: str) -> str:
            role = ROLES[name]
            password = (self.wrong_password if wrong else self.passwords[role]).url_encoded
            return f"{scheme}://{role}:{password}@{ports.HOST}:{1 if away else port}/{path}"

        return {
            "MINUANO_SOURCE_URL": url("SOURCE", "postgresql", self.postgres.port, "source"),
            "MINUANO_TARGET_URL": url("TARGET", "postgresql", self.postgres.port, "target"),
            "MINUANO_REDIS_URL": url("REDIS", "redis", self.redis.port, "0"),
        }

    def environment_of(self, service: str) -> dict[str, str]:
        return {
            **super().environment_of(service),
            **self.urls(),
            "MINUANO_API_KEY": ",".join(key.text for key in self.keys[:2]),
            "MINUANO_LOG_LEVEL": "debug",
            "MINUANO_LOG_FORMAT": "json" if service in ("connector", "aggregator") else "console",
        }

    def start_extra(self, service: str, name: str, **changed: str) -> Child:
        """Start another service with changed settings and the other log format."""
        default = self.environment_of(service)
        other = "console" if default["MINUANO_LOG_FORMAT"] == "json" else "json"
        settings = {"MINUANO_PORT": "0", "MINUANO_LOG_FORMAT": other, **changed}
        child = self.child(name, service, settings=settings)
        self.services.append(child)
        child.start()
        return child

    # -- changes of the servers

    def set_passwords(self, passwords: Mapping[str, str]) -> None:
        """Change every role's password and end its connections."""
        terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
        for role in (ROLES["SOURCE"], ROLES["TARGET"]):
            execute_once(self.postgres.url(), f"ALTER ROLE {role} PASSWORD %s", [passwords[role]])
            execute_once(self.postgres.url(), terminate, [role])
        user = ROLES["REDIS"]
        rights: list[Any] = ["resetpass", f">{passwords[user]}", "on", "~*", "&*", "+@all"]
        with redis.Redis.from_url(self.redis.url) as client:
            client.execute_command("ACL", "SETUSER", user, *rights)
            client.execute_command("CLIENT", "KILL", "USER", user)

    # -- readable text

    def log_text(self, name: str) -> str:
        """The log of a service."""
        return (self.logs / f"{name}.log").read_text()

    def health_status(self, name: str) -> int:
        """The HTTP status of a service's /health/ready."""
        return httpx.get(self.health_urls[name], timeout=60, trust_env=False).status_code

    def collect_http(self) -> None:
        """Request every path of every service: with a key, without a key, and with half a key."""
        with httpx.Client(timeout=60, trust_env=False) as client:
            for name, health in self.health_urls.items():
                url = health.removesuffix("/health/ready")
                for path in PUBLIC_PATHS:
                    kind = "metrics" if path == "/metrics" else "response"
                    self._collect(client.get(url + path), f"{kind} {name} {path}")
                for path in PROTECTED_PATHS.get(name.split("-")[0], ()):
                    for key in (self.keys[0].text, self.keys[0].marks[0], ""):
                        headers = {"Authorization": f"Bearer {key}"} if key else {}
                        self._collect(
                            client.get(url + path, headers=headers), f"response {name} {path}"
                        )

    def _collect(self, response: httpx.Response, place: str) -> None:
        self.outputs[place].append(f"{response.status_code} {response.headers} {response.text}")

    def post(self, **body: str) -> httpx.Response:
        """Send POST /jobs."""
        response = httpx.post(
            f"{self.state.extractor_url}/jobs", json=body, timeout=60, trust_env=False,
            headers={"Authorization": f"Bearer {self.keys[0].text}"},
        )  # fmt: skip
        self._collect(response, "response extractor-1 POST")
        return response

    def collect_commands(self, folder: Path, *commands: str, **changed: str) -> None:
        """Run commands in parallel, with the secrets in environment variables."""
        settings = {**self.environment_of("cli"), **changed}

        def run(words: str) -> None:
            ended = minuano(*words.split(), cwd=folder, settings=settings, columns=500)
            self.outputs[f"command {words}"].append(ended.stdout + ended.stderr)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(run, commands))

    def collect_rows(self) -> None:
        """Collect the rows of the ledger and the entries of the streams."""
        for table in LEDGER_TABLES:
            rows = execute_once(self.postgres.url("target"), f"SELECT t::text FROM {table} t")
            self.outputs[f"row {table}"] += [str(row) for row in rows]
        with redis.Redis.from_url(self.redis.url) as client:
            for stream in ("jobs", "raw", "stats", "dead"):
                self.outputs[f"entry {stream}"].append(str(client.xrange(f"minuano:{stream}")))

    def collect_logs(self) -> None:
        """Collect the logs of all processes."""
        for path in self.logs.iterdir():
            self.outputs[f"log {path.name}"].append(path.read_text())
