"""A port that is in use is never the answer."""

import socket
from contextlib import closing

from cli.embedded import ports


def test_a_preferred_port_that_is_in_use_is_replaced_by_another() -> None:
    port = ports.free()
    with closing(socket.create_server((ports.HOST, port))):
        assert ports.preferred(port) != port
    assert ports.preferred(port) == port
