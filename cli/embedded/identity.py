"""As whom PostgreSQL runs: it refuses root, and in many a container there is nobody but root."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.errors import Misconfigured

NOBODY = "nobody"
AS_MAPPED_USER = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
TRIAL_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Identity:
    """How to start a program so that it is not root: words in front of it, options of Popen."""

    prefix: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


def unprivileged(program: Path, folder: Path) -> Identity:
    """Who can run `program` and write into `folder`; may change the folder's owner."""
    if os.geteuid() != 0:
        return Identity()
    owner = folder.stat()
    try:
        as_nobody = Identity(options={"user": NOBODY, "group": _group(), "extra_groups": []})
        _give(folder, NOBODY)
        if _works(as_nobody, program, folder):
            return as_nobody
        os.chown(folder, owner.st_uid, owner.st_gid)
    except LookupError:
        pass  # a machine without `nobody`
    mapped = Identity(prefix=AS_MAPPED_USER)
    if _works(mapped, program, folder):
        return mapped
    raise Misconfigured(
        f"PostgreSQL does not run as root, and neither `nobody` nor a user namespace can run "
        f"{program} in {folder}: start Minuano as a normal user"
    )


def _group() -> int:
    import pwd

    return pwd.getpwnam(NOBODY).pw_gid


def _give(folder: Path, user: str) -> None:
    import pwd

    entry = pwd.getpwnam(user)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def _works(identity: Identity, program: Path, folder: Path) -> bool:
    script = 'test -w "$1" && "$0" --version'
    command = [*identity.prefix, "sh", "-c", script, str(program), str(folder)]
    try:
        trial = subprocess.run(
            command, capture_output=True, cwd="/", timeout=TRIAL_TIMEOUT_S, **identity.options
        )
    except OSError:
        return False
    return trial.returncode == 0
