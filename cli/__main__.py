"""`python -m cli`: the `minuano` command without an installed script."""

import sys

from cli.main import main

if __name__ == "__main__":
    sys.exit(main())
