"""What the command line prints, and how it reads the responses of services."""

from collections.abc import Iterator
from typing import Any

import click
import httpx
import pytest
import typer
from typer.testing import CliRunner

from cli import job_progress
from cli.main import app
from cli.sample_data import seed_options
from shared.clients.json_client import response_error
from shared.clients.settings import ExtractorClientSettings
from shared.errors import ConfigurationError, MinuanoError, NotFound, Unavailable
from shared.printable import printable
from shared.settings import SourceSettings
from shared.streams.dead_letters import DeadLetter


def commands() -> Iterator[str]:
    """The name of each command; a command of a group has the name of the group in front."""
    root: Any = typer.main.get_command(app)
    for name, command in root.commands.items():
        group = getattr(command, "commands", None)
        yield from (f"{name} {member}" for member in group) if group else (name,)


@pytest.mark.parametrize("command", list(commands()))
def test_the_help_of_each_command_has_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "100"})
    assert result.exit_code == 0
    [example] = [line for line in click.unstyle(result.output).splitlines() if "Example:" in line]
    assert f"minuano {command}" in example


def job(*, published: int, done: int) -> dict[str, Any]:
    return {"slices": {"total": 10, "published": published, "done": done}}


@pytest.mark.parametrize(
    ("published", "done", "waiting", "aggregated"),
    [(0, 0, 0, 0), (10, 0, 10, 0), (10, 0, 4, 6), (10, 8, 5, 8), (10, 10, 3, 10)],
)
def test_aggregated_counts_extracted_slices_that_no_longer_wait(
    published: int, done: int, waiting: int, aggregated: int
) -> None:
    counts = job_progress._slice_counts(job(published=published, done=done), lambda: waiting)
    assert counts == {"extracted": published, "aggregated": aggregated, "loaded": done}


def test_while_redis_is_unavailable_only_loaded_slices_count_as_aggregated() -> None:
    def unavailable() -> int:
        raise Unavailable("Redis")

    assert job_progress._slice_counts(job(published=10, done=3), unavailable)["aggregated"] == 3


@pytest.mark.parametrize(
    ("status", "error_type"),
    [
        (401, ConfigurationError),
        (404, NotFound),
        (429, Unavailable),
        (503, Unavailable),
        (409, MinuanoError),
    ],
)
def test_an_error_response_becomes_a_minuano_error(
    status: int, error_type: type[MinuanoError]
) -> None:
    error = response_error(
        httpx.Response(status, json={"detail": "job 7 is done"}), "the extractor"
    )
    assert type(error) is error_type
    assert "job 7 is done" in str(error) or "MINUANO_API_KEY" in str(error)


def test_a_response_without_problem_details_is_quoted() -> None:
    assert "a proxy's page" in str(response_error(httpx.Response(418, text="a proxy's page"), "it"))


@pytest.mark.parametrize(
    ("keys", "headers"),
    [("one", {"Authorization": "Bearer one"}), ("new, old", {"Authorization": "Bearer new"})],
)
def test_the_first_of_the_active_keys_is_sent(keys: str, headers: dict[str, str]) -> None:
    fields = {"extractor_url": "http://h", "api_key": keys}
    assert ExtractorClientSettings.model_validate(fields).headers == headers


def test_without_a_key_no_key_is_sent() -> None:
    assert ExtractorClientSettings.model_validate({"extractor_url": "http://h"}).headers == {}


def test_sample_data_are_written_into_the_table_of_the_settings() -> None:
    source = SourceSettings(
        source_table="scada.raw", source_time_column="ts", source_asset_column="turbine"
    )
    options = seed_options(source, days=1, assets=2)
    assert (options.table, options.time_column, options.asset_column) == (
        "scada.raw", "ts", "turbine",
    )  # fmt: skip


def test_a_dead_letter_has_the_fields_of_its_entry_and_the_error() -> None:
    letter = DeadLetter.from_entry(
        b"9-0",
        {
            b"dead_reason": b"checksum", b"dead_stream": b"minuano:raw", b"dead_id": b"5-0",
            b"dead_deliveries": b"2", b"job": b"7", b"payload": b"\xff",
        },
    )  # fmt: skip
    assert letter.fields == {b"job": b"7", b"payload": b"\xff"}
    assert (letter.id, letter.reason, letter.entry_id, letter.deliveries, letter.job) == (
        "9-0", "checksum", "5-0", 2, 7,
    )  # fmt: skip


def test_control_characters_are_printed_as_escapes() -> None:
    assert printable("\x1b[31mred\n é") == "\\x1b[31mred\\n é"


def test_a_dead_letter_with_invalid_fields_can_be_read() -> None:
    letter = DeadLetter.from_entry(
        b"9-0", {b"\xff": b"\xff", b"dead_deliveries": b"-", b"job": b"seven"}
    )
    assert (letter.reason, letter.deliveries, letter.job) == ("", 0, None)
