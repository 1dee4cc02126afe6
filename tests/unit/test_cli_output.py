"""What the command line says, and how it understands answers."""

from collections.abc import Iterator
from typing import Any

import click
import httpx
import pytest
import typer
from typer.testing import CliRunner

from cli import job_progress
from cli.commands.seed_and_migrate import seed_options
from cli.dead_letter_format import printable
from cli.main import app
from shared.clients.json_client import response_error
from shared.clients.settings import ExtractorClientSettings
from shared.errors import ConfigurationError, MinuanoError, NotFound, Unavailable
from shared.settings import SourceSettings
from shared.streams.dead_letters import DeadLetter


def commands() -> Iterator[str]:
    """Every command, those of a group with its name."""
    root: Any = typer.main.get_command(app)
    for name, command in root.commands.items():
        below = getattr(command, "commands", None)
        yield from (f"{name} {inner}" for inner in below) if below else (name,)


@pytest.mark.parametrize("command", list(commands()))
def test_every_command_has_a_help_with_an_example_of_itself(command: str) -> None:
    shown = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "100"})
    assert shown.exit_code == 0
    [example] = [line for line in click.unstyle(shown.output).splitlines() if "Example:" in line]
    assert f"minuano {command}" in example


def job(*, published: int, done: int) -> dict[str, Any]:
    return {"slices": {"total": 10, "published": published, "done": done}}


@pytest.mark.parametrize(
    ("published", "done", "waiting", "aggregated"),
    [(0, 0, 0, 0), (10, 0, 10, 0), (10, 0, 4, 6), (10, 8, 5, 8), (10, 10, 3, 10)],
)
def test_aggregated_is_what_was_extracted_and_waits_no_more(
    published: int, done: int, waiting: int, aggregated: int
) -> None:
    counts = job_progress._counts(job(published=published, done=done), lambda: waiting)
    assert counts == {"extracted": published, "aggregated": aggregated, "loaded": done}


def test_while_redis_is_away_only_what_is_loaded_counts_as_aggregated() -> None:
    def away() -> int:
        raise Unavailable("Redis is away")

    assert job_progress._counts(job(published=10, done=3), away)["aggregated"] == 3


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, ConfigurationError), (404, NotFound), (503, Unavailable), (409, MinuanoError)],
)
def test_an_answer_that_is_no_success_becomes_an_error_of_ours(
    status: int, kind: type[MinuanoError]
) -> None:
    error = response_error(
        httpx.Response(status, json={"detail": "job 7 is done"}), "the extractor"
    )
    assert type(error) is kind
    assert "job 7 is done" in str(error) or "MINUANO_API_KEY" in str(error)


def test_an_answer_that_is_no_problem_document_is_quoted() -> None:
    assert "a proxy's page" in str(response_error(httpx.Response(418, text="a proxy's page"), "it"))


@pytest.mark.parametrize(
    ("keys", "sent"),
    [("one", {"Authorization": "Bearer one"}), ("new, old", {"Authorization": "Bearer new"})],
)
def test_the_first_of_the_active_keys_is_sent(keys: str, sent: dict[str, str]) -> None:
    assert (
        ExtractorClientSettings.model_validate(
            {"extractor_url": "http://h", "api_key": keys}
        ).headers
        == sent
    )


def test_without_a_key_none_is_sent() -> None:
    assert ExtractorClientSettings.model_validate({"extractor_url": "http://h"}).headers == {}


def test_sample_data_goes_into_the_table_that_the_settings_describe() -> None:
    source = SourceSettings(
        source_table="scada.raw", source_time_column="ts", source_asset_column="turbine"
    )
    options = seed_options(source, days=1, assets=2)
    assert (options.table, options.time_column, options.asset_column) == (
        "scada.raw", "ts", "turbine",
    )  # fmt: skip


def test_a_dead_letter_keeps_the_fields_of_its_entry_and_tells_of_its_end() -> None:
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


def test_what_would_steer_the_terminal_is_spelled_out() -> None:
    assert printable("\x1b[31mred\n é") == "\\x1b[31mred\\n é"


def test_a_dead_letter_that_a_stranger_wrote_can_be_read() -> None:
    letter = DeadLetter.from_entry(
        b"9-0", {b"\xff": b"\xff", b"dead_deliveries": b"-", b"job": b"seven"}
    )
    assert (letter.reason, letter.deliveries, letter.job) == ("", 0, None)
