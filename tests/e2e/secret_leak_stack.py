"""A stack in which every secret is a canary; it keeps all text that can be read from it, after
success and after failure.
"""

from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import redis

from cli.embedded import ports
from cli.embedded.child_process import Child
from cli.embedded.stack import Stack
from tests.canary import Canary
from tests.e2e.cli_process import minuano
from tests.e2e.pipeline import QUICK
from tests.prepared_cluster import FAST

ROLES = {"SOURCE": "minuano_reader", "TARGET": "minuano_writer", "REDIS": "services"}
IN_A_HEADER = "+/=~."
OPEN = ("/metrics", "/health/live", "/health/ready", "/openapi.json", "/docs", "/nowhere")
CLOSED = {
    "connector": ("/variables", "/assets", "/extent", "/data?start=2025-12-05&limit=1", "/data"),
    "extractor": ("/jobs", "/jobs/1", "/jobs/999", "/jobs?limit=0"),
}
KEPT = ("etl.job", "etl.slice", "etl.audit", "signal", "quality")


class SecretLeakStack(Stack):
    """Two of the services write logs in one format, two in the other; all of them in full."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, settings=QUICK, server_settings=FAST)
        self.keys = [Canary(IN_A_HEADER) for _ in range(3)]
        self.passwords = {role: Canary() for role in ROLES.values()}
        self.wrong = Canary()
        self.read: defaultdict[str, list[str]] = defaultdict(list)

    def leaked(self, kind: str) -> list[str]:
        """The places of a kind where a secret can be read."""
        canaries = [*self.keys, *self.passwords.values(), self.wrong]
        return [
            place for place, texts in self.read.items() if place.startswith(f"{kind} ")
            and any(canary.shows_in(text) for canary in canaries for text in texts)
        ]  # fmt: skip

    def told(self, kind: str) -> str:
        """All that was read in places of a kind."""
        return "\n".join(
            text for place, texts in self.read.items() if place.startswith(f"{kind} ")
            for text in texts
        )  # fmt: skip

    # -- what the services are told

    def urls(self, *, wrong: bool = False, away: bool = False) -> dict[str, str]:
        """Where the servers are: with their passwords, with a wrong one, or where none is."""

        def url(name: str, scheme: str, port: int, path: str) -> str:
            role = ROLES[name]
            password = (self.wrong if wrong else self.passwords[role]).quoted
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

    def one_more(self, service: str, name: str, **changed: str) -> Child:
        """One more service, with changed settings and the other log format."""
        usual = self.environment_of(service)
        other = "console" if usual["MINUANO_LOG_FORMAT"] == "json" else "json"
        settings = {"MINUANO_PORT": "0", "MINUANO_LOG_FORMAT": other, **changed}
        child = self.child(name, service, settings=settings)
        self.services.append(child)
        child.start()
        return child

    # -- what happens to the servers

    def set_passwords(self, given: Mapping[str, str]) -> None:
        """Change every role's password and end its connections."""
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
        for role in (ROLES["SOURCE"], ROLES["TARGET"]):
            run(self.postgres.url(), f"ALTER ROLE {role} PASSWORD %s", [given[role]])
            run(self.postgres.url(), ended, [role])
        user = ROLES["REDIS"]
        rights: list[Any] = ["resetpass", f">{given[user]}", "on", "~*", "&*", "+@all"]
        with redis.Redis.from_url(self.redis.url) as client:
            client.execute_command("ACL", "SETUSER", user, *rights)
            client.execute_command("CLIENT", "KILL", "USER", user)

    # -- what can be read

    def log_of(self, name: str) -> str:
        """What a service has written until now."""
        return (self.logs / f"{name}.log").read_text()

    def health_of(self, name: str) -> int:
        """The status that a service says it is in."""
        return httpx.get(self.health_urls[name], timeout=60, trust_env=False).status_code

    def read_http(self) -> None:
        """Ask every service for everything: with a key, without, and with half a key."""
        with httpx.Client(timeout=60, trust_env=False) as client:
            for name, health in self.health_urls.items():
                url = health.removesuffix("/health/ready")
                for path in OPEN:
                    kind = "metrics" if path == "/metrics" else "answer"
                    self._read(client.get(url + path), f"{kind} {name} {path}")
                for path in CLOSED.get(name.split("-")[0], ()):
                    for key in (self.keys[0].text, self.keys[0].marks[0], ""):
                        headers = {"Authorization": f"Bearer {key}"} if key else {}
                        self._read(client.get(url + path, headers=headers), f"answer {name} {path}")

    def _read(self, answer: httpx.Response, place: str) -> None:
        self.read[place].append(f"{answer.status_code} {answer.headers} {answer.text}")

    def post(self, **body: str) -> httpx.Response:
        """Ask for a job."""
        answer = httpx.post(
            f"{self.state.extractor_url}/jobs", json=body, timeout=60, trust_env=False,
            headers={"Authorization": f"Bearer {self.keys[0].text}"},
        )  # fmt: skip
        self._read(answer, "answer extractor-1 POST")
        return answer

    def read_commands(self, folder: Path, *commands: str, **changed: str) -> None:
        """Run commands side by side, as a person who has the secrets in the environment."""
        settings = {**self.environment_of("cli"), **changed}

        def type_(words: str) -> None:
            ended = minuano(*words.split(), cwd=folder, settings=settings, columns=500)
            self.read[f"command {words}"].append(ended.stdout + ended.stderr)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(type_, commands))

    def read_rows(self) -> None:
        """All that the ledger and the streams hold."""
        for table in KEPT:
            rows = run(self.postgres.url("target"), f"SELECT t::text FROM {table} t")
            self.read[f"row {table}"] += [str(row) for row in rows]
        with redis.Redis.from_url(self.redis.url) as client:
            for stream in ("jobs", "raw", "stats", "dead"):
                self.read[f"entry {stream}"].append(str(client.xrange(f"minuano:{stream}")))

    def read_logs(self) -> None:
        """All that processes wrote."""
        for path in self.logs.iterdir():
            self.read[f"log {path.name}"].append(path.read_text())


def run(url: str, statement: str, values: Any = None) -> list[Any]:
    """Run a statement by itself; return its rows."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []
