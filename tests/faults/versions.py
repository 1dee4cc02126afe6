"""A schedule in which every sample carries the version of the source.

Jobs of random variables, turbines and days run while the source changes as a whole, jobs are
cancelled and retried, and services are killed or frozen. In the end each window must have the
version of one moment, which is no older than the newest done job that covers it, and no newer than
the source.
"""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

import httpx

from tests.e2e.source_strategies import START
from tests.faults import process_faults
from tests.faults.fault_stack import ASSETS, DAYS, RECOVERY_TIMEOUT_S, FaultStack
from tests.faults.schedule import CONNECTOR_DELAY_S, FAULT_DURATION_S, Outcome, wait
from tests.polling import wait_until

VARIABLES = ("wind_speed", "power", "ambient_temperature")
ACTIONS = ("change", "change", "post", "post", "post", "cancel", "retry", "fault")
MIN_ACTIONS, MAX_ACTIONS = 6, 12
REQUEST_TIMEOUT_S = 2.0
ENDED = ("done", "failed", "cancelled")

_STANDING = """
    SELECT s.asset, s.variable,
           (floor(extract(epoch FROM d.timestamp - %s) / 86400))::integer AS day,
           min(d.value) FILTER (WHERE s.statistic <> 'std'),
           max(d.value) FILTER (WHERE s.statistic <> 'std'),
           max(abs(d.value)) FILTER (WHERE s.statistic = 'std'), count(*)
    FROM data d JOIN signal s ON s.id = d.signal_id GROUP BY 1, 2, 3
"""


@dataclass
class Posted:
    """A job that was posted, and the version of the source at that time."""

    id: int
    since: int
    days: range
    variables: tuple[str, ...]
    assets: tuple[str, ...]

    def covers(self, asset: str, variable: str, day: int) -> bool:
        return asset in self.assets and variable in self.variables and day in self.days


class Versions:
    """One schedule, drawn from its seed."""

    def __init__(self, fault_stack: FaultStack, seed: int) -> None:
        self._stack, self._rng, self.seed = fault_stack, Random(seed), seed
        self._version = 0
        self.jobs: list[Posted] = []

    def __str__(self) -> str:
        return f"seed {self.seed}, versions"

    def run(self) -> Outcome:
        """Run it; raise AssertionError if a window has a version that it must not have."""
        self._stack.reset_data()
        self._stack.redis.delete(self._stack.streams.dead)
        for proxy in self._stack.proxies_of("connector"):
            proxy.disturbance.delay_s = CONNECTOR_DELAY_S
        self._change()
        self._post()
        with ExitStack() as faults:
            for _ in range(self._rng.randint(MIN_ACTIONS, MAX_ACTIONS)):
                self._act(self._rng.choice(ACTIONS), faults)
        self._stack.restart_dead()
        ended_at = time.monotonic()
        states = {job.id: self._end_of(job) for job in self.jobs}
        compared = self._check([job for job in self.jobs if states[job.id] == "done"])
        return Outcome(
            jobs=len(self.jobs), rows_compared=compared, recovery_s=time.monotonic() - ended_at
        )

    def _act(self, action: str, faults: ExitStack) -> None:
        match action:
            case "change":
                self._change()
            case "post":
                self._post()
            case "cancel" | "retry":
                self._ask(action)
            case "fault":
                faults.close()
                name = self._rng.choice(sorted(process_faults.FAULTS))
                faults.enter_context(process_faults.FAULTS[name](self._stack, self._rng))
        wait(self._rng.uniform(0, FAULT_DURATION_S[0]))

    def _change(self) -> None:
        """All samples get the next version, in one transaction."""
        self._version += 1
        columns = ", ".join(f"{name} = {self._version}" for name in VARIABLES)
        self._stack.in_source(f"UPDATE data SET {columns}")

    def _post(self) -> None:
        first = self._rng.randrange(DAYS)
        last = self._rng.randrange(first, DAYS)
        variables = tuple(self._rng.sample(VARIABLES, self._rng.randint(1, len(VARIABLES))))
        assets = tuple(self._rng.sample(ASSETS, self._rng.randint(1, len(ASSETS))))
        since = self._version
        id = self._stack.try_post_job(  # a frozen extractor does not answer
            within_s=REQUEST_TIMEOUT_S,
            start=_day(first), end=_day(last), variables=variables, assets=assets,
        )  # fmt: skip
        if id is not None:
            self.jobs.append(Posted(id, since, range(first, last + 1), variables, assets))

    def _ask(self, action: str) -> None:
        """Cancel or retry a job, if it can be; during a fault there may be no answer."""
        job, since = self._rng.choice(self.jobs), self._version
        try:
            response = self._stack.http.post(f"/jobs/{job.id}/{action}", timeout=REQUEST_TIMEOUT_S)
        except httpx.TransportError:
            return
        if action == "retry" and response.status_code == httpx.codes.ACCEPTED:
            # What it has loaded before may be as old as its first attempt.
            job.since = min(job.since, since)

    def _end_of(self, job: Posted) -> str:
        state: str = wait_until(
            partial(self._ended, job.id), within_s=RECOVERY_TIMEOUT_S, what=f"job {job.id}"
        )
        assert state != "failed", self._stack.job(job.id)
        return state

    def _ended(self, id: int) -> str | None:
        try:
            state = self._stack.job(id)["state"]
        except httpx.TransportError:
            return None
        return state if state in ENDED else None

    def _check(self, done: list[Posted]) -> int:
        """Compare each day of each variable; return the number of rows."""
        standing = {
            (asset, variable, day): values
            for asset, variable, day, *values in self._stack.in_target(_STANDING, [START])
        }
        for asset in ASSETS:
            for variable in VARIABLES:
                for day in range(DAYS):
                    covering = [job for job in done if job.covers(asset, variable, day)]
                    self._check_day((asset, variable, day), standing, covering)
        return sum(values[-1] for values in standing.values())

    def _check_day(
        self, cell: tuple[str, str, int], standing: dict[Any, list[Any]], covering: list[Posted]
    ) -> None:
        if not covering:
            return
        newest = max(covering, key=lambda job: job.id)
        low, high, deviation, _ = standing[cell]
        assert low == high, f"{cell} mixes versions {low} to {high}"
        assert not deviation, f"{cell} mixes versions in a window"
        assert newest.since <= low <= self._version, (
            f"{cell} has version {low}; job {newest.id} is done, and began with {newest.since}"
        )


def _day(number: int) -> str:
    return (START + timedelta(days=number)).date().isoformat()
