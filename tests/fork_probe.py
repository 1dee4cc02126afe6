"""Print the state of this process, for the tests of `fork_server`."""

import json
import os
import signal
import sys

OWN_PACKAGES = ("bench", "cli", "migrations", "services", "shared")


def describe_process() -> dict[str, object]:
    """The state that must be the same in a forked and in a new process."""
    return {
        "argv": sys.argv[1:],
        "folder": os.getcwd(),
        "path": sys.path[0],
        "environment": dict(os.environ),
        "input": sys.stdin.read(),
        "encoding": sys.stdout.encoding,
        "line_buffering": [sys.stdout.line_buffering, sys.stderr.line_buffering],
        "write_through": getattr(sys.stdout, "write_through", None),
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "own_modules": sorted(m for m in sys.modules if m.split(".")[0] in OWN_PACKAGES),
        "main": sys.modules["__main__"].__package__,
        "open_files": sorted(os.listdir("/proc/self/fd"))[:-1],
        "session_leader": os.getsid(0) == os.getpid(),
        "command_line": open("/proc/self/cmdline").read().rstrip("\0").split("\0"),
    }


if __name__ == "__main__":
    print("running", file=sys.stderr)  # noqa: T201
    print(json.dumps(describe_process()), flush=True)  # noqa: T201
    if "wait" in sys.argv:
        signal.pause()
    if "fail" in sys.argv:
        raise ValueError("requested by the test")
    sys.exit(7 if "exit" in sys.argv else 0)
