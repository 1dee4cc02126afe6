"""Makes this checkout importable in its `.venv`, with the `minuano` command, without a build step:
what an editable install does, for machines where no build backend is at hand.
"""

import stat
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A script's first line must not hold a space; a checkout's path may. So the shell starts Python.
COMMAND = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys

from cli.main import main

sys.exit(main())
"""


def link() -> None:
    """Write a `.pth` file and the command."""
    (Path(sysconfig.get_path("purelib")) / "minuano.pth").write_text(f"{ROOT}\n")
    command = Path(sysconfig.get_path("scripts")) / "minuano"
    command.write_text(COMMAND.format(python=sys.executable))
    command.chmod(command.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


if __name__ == "__main__":
    link()
