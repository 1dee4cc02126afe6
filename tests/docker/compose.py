"""The system of docker-compose.yml as a project of its own, with ports and secrets of its own."""

import os
import subprocess
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from cli.embedded import ports
from shared.domain.job import END_STATES
from tests.polling import wait_until

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ("python:3.13-slim", "postgres:17", "redis:8")
REQUEST_TIMEOUT_S, PULL_S, BUILD_S, UP_S = 30, 300, 600, 300
Job = dict[str, Any]
KEY = "key-of-the-test"
USERS = ("ADMIN", "EXTRACTOR", "AGGREGATOR", "LOADER", "CLI")
# Where the build's own network reaches no package index, the host's may.
ON_THE_HOSTS_NETWORK = (
    "services: {migrate: {build: {network: host}}, dagster-code: {build: {network: host}}}\n"
)


def run(
    command: Sequence[str], *, within_s: float = REQUEST_TIMEOUT_S
) -> subprocess.CompletedProcess[str]:
    """The finished program; neither our settings nor Compose's own reach it from outside."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MINUANO_", "COMPOSE_"))}
    return subprocess.run(
        command, cwd=ROOT, env=kept, timeout=within_s, text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def unavailable_reason() -> str | None:
    """Why there can be no containers here; None where there can."""
    for command in (("docker", "compose", "version"), ("docker", "info")):
        try:
            done = run(command)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"`{' '.join(command)}`: {error}"
        if done.returncode:
            return f"`{' '.join(command)}`: {_last_line(done)}"
    return next((reason for image in IMAGES if (reason := _image_unavailable_reason(image))), None)


def _image_unavailable_reason(image: str) -> str | None:
    if run(("docker", "image", "inspect", image)).returncode == 0:
        return None
    try:
        done = run(("docker", "pull", "--quiet", image), within_s=PULL_S)
    except subprocess.TimeoutExpired as error:
        return f"{image} can't be had: {error}"
    return f"{image} can't be had: {_last_line(done)}" if done.returncode else None


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stdout.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def has_ended(job: Job) -> bool:
    return job["state"] in END_STATES


class Compose:
    """One project; what is set for it stands in an .env file of its own."""

    def __init__(self, folder: Path) -> None:
        self.project = self.image = f"minuano-test-{uuid.uuid4().hex[:8]}"
        self._folder, self._env_file = folder, folder / "env"
        self.connector_port, self.extractor_port = ports.free(), ports.free()
        self.dashboard_port = ports.free()
        self.passwords = {
            role: uuid.uuid4().hex
            for role in ("POSTGRES", "OWNER", "READER", "WRITER", *(f"REDIS_{u}" for u in USERS))
        }
        self.dagster_port, self.dagster_image = ports.free(), f"{self.image}-dagster"
        settings = {
            "IMAGE": self.image,
            "DAGSTER_IMAGE": self.dagster_image,
            "DAGSTER_HOST_PORT": self.dagster_port,
            "CONNECTOR_HOST_PORT": self.connector_port,
            "EXTRACTOR_HOST_PORT": self.extractor_port,
            "DASHBOARD_HOST_PORT": self.dashboard_port,
            "API_KEY": KEY,
            "LEASE_S": 5,  # a killed worker's batch is soon another's
            **{f"{role}_PASSWORD": password for role, password in self.passwords.items()},
        }
        self._env_file.write_text("".join(f"MINUANO_{k}={v}\n" for k, v in settings.items()))

    def __call__(self, *command: str, within_s: float = UP_S) -> str:
        """What `docker compose <command>` writes; it has to end with 0."""
        done = self._compose(command, within_s=within_s)
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def cli(self, *arguments: str) -> str:
        """What `minuano` writes in a container of its own; it has to end with 0."""
        return self("run", "--rm", "-T", "cli", *arguments)

    def build(self, *options: str) -> None:
        """Build the image, with the host's network only where it can't be done without."""
        if self._compose((*options, "build"), within_s=BUILD_S).returncode == 0:
            return
        override = self._folder / "override.yml"
        override.write_text(ON_THE_HOSTS_NETWORK)
        files = ("-f", "docker-compose.yml", "-f", str(override))
        self(*files, *options, "build", within_s=BUILD_S)

    def remove(self) -> None:
        """Leave nothing, whatever happened."""
        self("--profile", "*", "down", "--volumes", "--remove-orphans")
        run(("docker", "image", "rm", "--force", self.image, self.dagster_image))

    def containers(self, service: str) -> list[str]:
        """The ids of a service's running containers."""
        return self("ps", "--quiet", service).split()

    def exit_codes(self, service: str) -> list[int]:
        """How the containers of a service ended; 137 is a kill."""
        listed = self("ps", "--all", "--format", "{{.ExitCode}}", service)
        return [int(code) for code in listed.split()]

    def remaining_resources(self) -> str:
        """Containers, volumes and networks that bear the project's label."""
        label = f"label=com.docker.compose.project={self.project}"
        kinds = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
        listed = [run(("docker", *kind, "--quiet", "--filter", label)) for kind in kinds]
        return "".join(done.stdout for done in listed)

    def extractor(self, method: str, path: str, *, key: str = KEY, body: Any = None) -> Any:
        """What the extractor answers to a request from outside."""
        return self._request(self.extractor_port, method, path, key=key, json=body)

    def dashboard(self, method: str, path: str, *, form: Any = None, body: Any = None) -> Any:
        """What the dashboard answers to a request from outside."""
        return self._request(self.dashboard_port, method, path, key=KEY, data=form, json=body)

    @staticmethod
    def _request(port: int, method: str, path: str, *, key: str, **content: Any) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.request(
            method, f"http://127.0.0.1:{port}{path}", headers=headers, timeout=REQUEST_TIMEOUT_S,
            trust_env=False, **content,
        )  # fmt: skip

    def wait_for_job(self, id: int, is_so: Callable[[Job], bool], *, within_s: float) -> Job:
        """The job as soon as this is so."""

        def look() -> Job | None:
            job: Job = self.extractor("GET", f"/jobs/{id}").json()
            return job if is_so(job) else None

        return wait_until(look, within_s=within_s, what=f"this of job {id}")

    def redis(self, user: str, *command: str) -> str:
        """What Redis answers to one of its users."""
        auth = f"REDISCLI_AUTH={self.passwords[f'REDIS_{user.upper()}']}"
        as_user = ("redis-cli", "--user", f"minuano_{user}")
        return self("exec", "-T", "--env", auth, "redis", *as_user, *command)

    def rows(self) -> dict[str, int]:
        """How many values stand in the target, by day."""
        count = "SELECT date(timestamp), count(*) FROM data GROUP BY 1 ORDER BY 1"
        psql = ("psql", "--username=postgres", "--dbname=target", "--no-align", "--tuples-only")
        lines = self("exec", "-T", "target-db", *psql, f"--command={count}").split()
        return {day: int(number) for day, number in (line.split("|") for line in lines)}

    def _compose(
        self, command: Sequence[str], *, within_s: float
    ) -> subprocess.CompletedProcess[str]:
        own = ("--project-name", self.project, "--env-file", str(self._env_file))
        return run(("docker", "compose", *own, *command), within_s=within_s)
