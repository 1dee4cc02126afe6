"""Which addresses belong to one client."""

from ipaddress import IPv6Address, ip_address

from starlette.requests import HTTPConnection

HOST_BITS = 64
"""Of an IPv6 address: a single host usually has all the addresses of its network."""


def client_network(address: str) -> str:
    """The address of a client; of IPv6 its network. Any other text is returned as it is."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or IPv6Address(int(ip) >> HOST_BITS << HOST_BITS))
    return str(ip)


def client_address(request: HTTPConnection) -> str:
    """The address of the client. uvicorn takes it from `X-Forwarded-For` if a proxy on this machine
    sent the request.
    """
    return request.client.host if request.client else ""
