"""The user that runs PostgreSQL: it refuses root, and many containers have only root."""

import contextlib
import os
import pwd
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.errors import ConfigurationError

NOBODY = "nobody"
AS_MAPPED_USER = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
TRIAL_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Identity:
    """How to start a program without root: a command prefix, and options of Popen."""

    prefix: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


def unprivileged(program: Path, folder: Path) -> Identity:
    """An identity that can run `program` and write into `folder`. If this process is root, the
    folder and its content may change their owner.
    """
    if os.geteuid() != 0:
        return Identity()
    for identity, uid, gid in _candidates():
        os.chown(folder, uid, gid)
        if _works(identity, program, folder):
            _change_owner(folder, uid, gid)
            return identity
    raise ConfigurationError(
        f"PostgreSQL does not run as root, and neither `nobody` nor a user namespace can run "
        f"{program} in {folder}: start Minuano as a normal user"
    )


def _change_owner(folder: Path, uid: int, gid: int) -> None:
    """Change the owner of everything in `folder`; a running server may delete files meanwhile."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with contextlib.suppress(FileNotFoundError):
                os.chown(os.path.join(parent, name), uid, gid, follow_symlinks=False)


def _candidates() -> Iterator[tuple[Identity, int, int]]:
    """Identities, each with the user and group that own the files it writes."""
    with contextlib.suppress(KeyError):  # this machine has no user `nobody`
        entry = pwd.getpwnam(NOBODY)
        options = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        yield Identity(options=options), entry.pw_uid, entry.pw_gid
    yield Identity(prefix=AS_MAPPED_USER), 0, 0


def _works(identity: Identity, program: Path, folder: Path) -> bool:
    script = 'test -w "$1" && "$0" --version'
    command = [*identity.prefix, "sh", "-c", script, str(program), str(folder)]
    try:
        trial = subprocess.run(
            command, capture_output=True, cwd="/", timeout=TRIAL_TIMEOUT_S, **identity.options
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return trial.returncode == 0
