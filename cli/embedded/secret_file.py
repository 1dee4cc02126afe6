"""Files with secrets, which only their owner can read."""

import secrets
from pathlib import Path

PASSWORD_BYTES = 18


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(text)


def password_in(path: Path) -> str:
    """The password in this file; a new password if the file does not exist yet."""
    if not path.exists():
        write_secret(path, secrets.token_urlsafe(PASSWORD_BYTES))
    return path.read_text()
