"""README.md, "Configuration". Each example checks the words that it quotes."""

from pathlib import Path

from tests.e2e.pipeline import Pipeline
from tests.promises.interfaces import CommandLine


def test_a_setting_can_be_read_from_a_file(
    stack: Pipeline, minuano: CommandLine, tmp_path: Path
) -> None:
    """> `MINUANO_<NAME>_FILE` reads one from a file."""
    secret = tmp_path / "redis_url"
    secret.write_text(stack.addresses.redis_url)
    ended = minuano("status", MINUANO_REDIS_URL="", MINUANO_REDIS_URL_FILE=str(secret))
    assert (ended.returncode, ended.stderr) == (0, "")
