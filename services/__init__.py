"""The services, each started as `python -m services.<name>`.

Until one has come so far that it ends in good order, SIGTERM and SIGINT end it at once, with 0: it
has nothing in hand. The first process of a container would otherwise not even hear them.
"""

import os
import signal
import sys

if sys.argv[0] == "-m":  # what it is while Python looks for the module to run
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
