"""A year through Dagster: one run for all of it beside one run for each day.

    minuano up --dagster        (in a folder of its own, with MINUANO_DAGSTER_LAST_DAY=2026-11-30)
    minuano seed --start 2025-12-01 --days 365
    python -m bench.dagster_backfill     (in that folder)

Of the runs for each day a sample is taken, and the year is computed from it.
"""

import sys
import time
from typing import Any

import httpx

from cli import context

FIRST, LAST, DAYS, SAMPLE = "2025-12-01", "2026-11-30", 365, 20
WITHIN_S, LOOK_EVERY_S = 3_600.0, 0.2
ENDED = ("SUCCESS", "FAILURE", "CANCELED")
SELECTOR = {
    "repositoryLocationName": "minuano",
    "repositoryName": "__repository__",
    "jobName": "statistics",
}
LAUNCH = """mutation ($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUN = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


def main() -> None:
    stack = context.running_stack()
    if stack is None or not stack.dagster_url:
        sys.exit("no Dagster runs here: minuano up --dagster")
    with httpx.Client(base_url=stack.dagster_url, timeout=60, trust_env=False) as client:
        took = _ended_after(client, [_range(FIRST, LAST)])
        sys.stdout.write(f"{DAYS} days in one run: {took:.1f} s\n")
        days = [_range(day, day) for day in (f"2025-12-{n:02d}" for n in range(1, SAMPLE + 1))]
        took = _ended_after(client, days)
        sys.stdout.write(
            f"{SAMPLE} days in {SAMPLE} runs: {took:.1f} s, {took / SAMPLE:.2f} s a day; "
            f"{DAYS} of them, at that pace: {took / SAMPLE * DAYS:.0f} s\n"
        )


def _range(first: str, last: str) -> dict[str, str]:
    """The tags with which Dagster itself starts a run of one day, or of a range."""
    if first == last:
        return {"dagster/partition": first}
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def _ended_after(client: httpx.Client, wanted: list[dict[str, str]]) -> float:
    """Seconds from the first launch until all of the runs are green."""
    began = time.monotonic()
    ids = [_launch(client, tags) for tags in wanted]
    for id in ids:
        while (status := _ask(client, RUN, id=id)["runOrError"]["status"]) not in ENDED:
            if time.monotonic() - began > WITHIN_S:
                sys.exit(f"run {id} is {status} after {WITHIN_S:g} s")
            time.sleep(LOOK_EVERY_S)
        if status != "SUCCESS":
            sys.exit(f"run {id}: {status}")
    return time.monotonic() - began


def _launch(client: httpx.Client, tags: dict[str, str]) -> str:
    given = [{"key": key, "value": value} for key, value in tags.items()]
    params = {"selector": SELECTOR, "executionMetadata": {"tags": given}}
    launched = _ask(client, LAUNCH, params=params)["launchPipelineExecution"]
    if "run" not in launched:
        sys.exit(str(launched))
    return str(launched["run"]["runId"])


def _ask(client: httpx.Client, query: str, **variables: Any) -> Any:
    answer = client.post("/graphql", json={"query": query, "variables": variables})
    return answer.raise_for_status().json()["data"]


if __name__ == "__main__":
    main()
