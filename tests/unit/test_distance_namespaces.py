"""Where no network namespace can be created, `make distance` says what is missing."""

import os
from pathlib import Path

import pytest

from bench.distance import namespaces
from bench.distance.namespaces import Namespace
from shared.errors import ConfigurationError


def own_namespace() -> str:
    return os.readlink("/proc/thread-self/ns/net")


def test_without_the_device_the_error_says_what_is_needed_and_the_thread_is_where_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(namespaces, "TUN", tmp_path / "tun")
    before = own_namespace()
    with pytest.raises(ConfigurationError, match=r"need Linux, root and .*/tun"):
        Namespace("10.77.0.1")
    assert own_namespace() == before
