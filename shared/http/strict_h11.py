"""HTTP/1.1 requests whose length is ambiguous. A proxy in front may understand another length and
take the rest for the next request.
"""

import h11

AMBIGUOUS = {b"content-length", b"transfer-encoding"}


class StrictConnection(h11.Connection):
    """Refuses what RFC 9112, section 6.1, calls an attempt at request smuggling: a request with
    both `Content-Length` and `Transfer-Encoding`, or with `Transfer-Encoding` in HTTP/1.0.
    """

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        event = super().next_event()
        if isinstance(event, h11.Request) and _is_ambiguous(event):
            raise h11.RemoteProtocolError("the length of the request is ambiguous")
        return event


def _is_ambiguous(request: h11.Request) -> bool:
    names = {name for name, _ in request.headers}
    is_old = request.http_version < b"1.1"
    return names >= AMBIGUOUS or (is_old and b"transfer-encoding" in names)
