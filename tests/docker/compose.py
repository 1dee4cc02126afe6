"""Run docker-compose.yml as a separate project with its own ports and secrets."""

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.embedded import ports
from shared.domain.job import END_STATES
from tests.polling import wait_until

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ("python:3.13-slim", "postgres:17", "redis:8")
REQUEST_TIMEOUT_S, PULL_S, BUILD_S, UP_S = 30, 300, 600, 300
Job = dict[str, Any]
KEY = "key-of-the-test"
ROLES = (
    "POSTGRES", "OWNER", "READER", "EXTRACTOR", "AGGREGATOR", "LOADER", "DASHBOARD", "CLI",
    "DAGSTER", "REDIS_ADMIN",
)  # fmt: skip
# If the build network cannot reach a package index, the network of the host may.
ON_THE_HOSTS_NETWORK = (
    "services: {migrate: {build: {network: host}}, dagster-code: {build: {network: host}}}\n"
)


def run(
    command: Sequence[str], *, within_s: float = REQUEST_TIMEOUT_S
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, without the MINUANO_ and COMPOSE_ variables of this process."""
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("MINUANO_", "COMPOSE_"))
    }
    return subprocess.run(
        command, cwd=ROOT, env=environment, timeout=within_s, text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def unavailable_reason() -> str | None:
    """Why containers cannot run on this machine; None if they can."""
    for command in (("docker", "compose", "version"), ("docker", "info")):
        try:
            completed = run(command)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"`{' '.join(command)}`: {error}"
        if completed.returncode:
            return f"`{' '.join(command)}`: {_last_line(completed)}"
    return next((reason for image in IMAGES if (reason := _image_unavailable_reason(image))), None)


def _image_unavailable_reason(image: str) -> str | None:
    if run(("docker", "image", "inspect", image)).returncode == 0:
        return None
    try:
        completed = run(("docker", "pull", "--quiet", image), within_s=PULL_S)
    except subprocess.TimeoutExpired as error:
        return f"{image} is not available: {error}"
    return f"{image} is not available: {_last_line(completed)}" if completed.returncode else None


def _last_line(completed: subprocess.CompletedProcess[str]) -> str:
    return (completed.stdout.strip().splitlines() or [f"exit code {completed.returncode}"])[-1]


def has_ended(job: Job) -> bool:
    return job["state"] in END_STATES


class Compose:
    """One Compose project with its own .env file."""

    def __init__(self, folder: Path) -> None:
        self.project = self.image = f"minuano-test-{uuid.uuid4().hex[:8]}"
        self._folder, self._env_file = folder, folder / "env"
        self.connector_port, self.extractor_port = ports.free(), ports.free()
        self.dashboard_port = ports.free()
        self.passwords = {role: uuid.uuid4().hex for role in ROLES}
        self.dagster_port, self.dagster_image = ports.free(), f"{self.image}-dagster"
        settings = {
            "IMAGE": self.image,
            "DAGSTER_IMAGE": self.dagster_image,
            "DAGSTER_HOST_PORT": self.dagster_port,
            "CONNECTOR_HOST_PORT": self.connector_port,
            "EXTRACTOR_HOST_PORT": self.extractor_port,
            "DASHBOARD_HOST_PORT": self.dashboard_port,
            "API_KEY": KEY,
            "LEASE_S": 5,  # another worker soon takes over the batch of a killed worker
            **{f"{role}_PASSWORD": password for role, password in self.passwords.items()},
        }
        self._env_file.write_text("".join(f"MINUANO_{k}={v}\n" for k, v in settings.items()))

    def __call__(self, *command: str, within_s: float = UP_S) -> str:
        """Run `docker compose <command>`, which must exit with 0; return its output."""
        completed = self._compose(command, within_s=within_s)
        assert completed.returncode == 0, f"{command}: {completed.returncode}\n{completed.stdout}"
        return completed.stdout

    def cli(self, *arguments: str) -> str:
        """Run `minuano` in a new container; it must exit with 0; return its output."""
        return self("run", "--rm", "-T", "cli", *arguments)

    def build(self, *options: str) -> None:
        """Build the image; use the network of the host only if the build fails without it."""
        if self._compose((*options, "build"), within_s=BUILD_S).returncode == 0:
            return
        override = self._folder / "override.yml"
        override.write_text(ON_THE_HOSTS_NETWORK)
        files = ("-f", "docker-compose.yml", "-f", str(override))
        self(*files, *options, "build", within_s=BUILD_S)

    def remove(self) -> None:
        """Remove all containers, volumes and images of the project."""
        self("--profile", "*", "down", "--volumes", "--remove-orphans")
        run(("docker", "image", "rm", "--force", self.image, self.dagster_image))

    def containers(self, service: str) -> list[str]:
        """The ids of a service's running containers."""
        return self("ps", "--quiet", service).split()

    def exit_codes(self, service: str) -> list[int]:
        """The exit codes of the containers of a service; 137 means killed."""
        codes = self("ps", "--all", "--format", "{{.ExitCode}}", service)
        return [int(code) for code in codes.split()]

    def remaining_resources(self) -> str:
        """The ids of containers, volumes and networks of the project."""
        label = f"label=com.docker.compose.project={self.project}"
        kinds = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
        listings = [run(("docker", *kind, "--quiet", "--filter", label)) for kind in kinds]
        return "".join(listing.stdout for listing in listings)

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

    def wait_for_job(self, id: int, condition: Callable[[Job], bool], *, within_s: float) -> Job:
        """Wait until the job meets the condition; return it."""

        def check() -> Job | None:
            job: Job = self.extractor("GET", f"/jobs/{id}").json()
            return job if condition(job) else None

        return wait_until(check, within_s=within_s, what=f"the expected state of job {id}")

    def redis(self, user: str, *command: str) -> str:
        """Run a Redis command as one of its users; return the reply."""
        role = "REDIS_ADMIN" if user == "admin" else user.upper()
        auth = f"REDISCLI_AUTH={self.passwords[role]}"
        as_user = ("redis-cli", "--user", f"minuano_{user}")
        return self("exec", "-T", "--env", auth, "redis", *as_user, *command)

    def rows(self) -> dict[str, int]:
        """The number of values in the target by day."""
        count = "SELECT date(timestamp), count(*) FROM data GROUP BY 1 ORDER BY 1"
        psql = ("psql", "--username=postgres", "--dbname=target", "--no-align", "--tuples-only")
        lines = self("exec", "-T", "target-db", *psql, f"--command={count}").split()
        return {day: int(number) for day, number in (line.split("|") for line in lines)}

    def _compose(
        self, command: Sequence[str], *, within_s: float
    ) -> subprocess.CompletedProcess[str]:
        own = ("--project-name", self.project, "--env-file", str(self._env_file))
        return run(("docker", "compose", *own, *command), within_s=within_s)


@contextmanager
def running_project(folder: Path, *options: str) -> Iterator[Compose]:
    """The whole system, built, up and healthy; removed after the block. Skip without Docker."""
    if reason := unavailable_reason():
        pytest.skip(reason)
    project = Compose(folder)
    try:
        project.build(*options)
        project(*options, "up", "--detach", "--wait")
        yield project
    finally:
        project.remove()
