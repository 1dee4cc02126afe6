"""`python -m cli`: the `minuano` command where no script was installed."""

import sys

from cli.main import main

if __name__ == "__main__":
    sys.exit(main())
