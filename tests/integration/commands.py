"""The `minuano` command in this process, without a new Python and without a stack."""

import os
import tempfile
from contextlib import chdir

from typer.testing import CliRunner, Result

from cli.main import app
from tests.integration.services import Services


def minuano(*words: str, services: Services | None = None, **settings: str) -> Result:
    """The result of a command with only these settings, in a folder where no stack runs;
    `services` stand for the connector and the extractor.
    """
    others = {name: None for name in os.environ if name.startswith("MINUANO_")}
    url = services.url if services else "http://127.0.0.1:9"
    urls = {"MINUANO_EXTRACTOR_URL": url, "MINUANO_CONNECTOR_URL": url, "COLUMNS": "240"}
    with chdir(tempfile.gettempdir()):
        return CliRunner().invoke(app, words, env={**others, **urls, **settings})
