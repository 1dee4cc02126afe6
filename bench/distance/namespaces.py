"""Network namespaces of Linux, each with one TUN device: hosts with their own addresses on one
machine. A namespace ends with the last process and file descriptor that uses it, so nothing is
left behind, whatever ends this process.
"""

import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path

from shared.errors import ConfigurationError

NETWORK = "10.77.0"
NETMASK = "255.255.255.0"
TUN, DEVICE = Path("/dev/net/tun"), b"tun0"
KEEP_WINDOWS = Path("/proc/sys/net/ipv4/tcp_slow_start_after_idle")
"""docs/deploy.md recommends this setting for hosts that are far apart."""
OWN_NAMESPACE = "/proc/thread-self/ns/net"
VNET_HEADER_BYTES = 10
"""Before each packet on a TUN device: struct virtio_net_hdr, <linux/virtio_net.h>."""

_CLONE_NEWNET = 0x40000000
# <linux/if_tun.h>. With TCP segmentation offload the kernel hands over up to 64 kB of segments in
# one read, while the segments, and so the congestion window, keep the size of Ethernet's.
_TUNSETIFF, _TUNSETOFFLOAD = 0x400454CA, 0x400454D0
_IFF_TUN, _IFF_NO_PI, _IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
_TUN_F_CSUM, _TUN_F_TSO4 = 0x01, 0x02
# <linux/sockios.h>, <linux/if.h>
_SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C
_IFF_UP = 0x1


class Namespace:
    """A network namespace with an address."""

    def __init__(self, address: str) -> None:
        """Create it, with its loopback device and its TUN device. Raises `ConfigurationError` if
        this process may not.
        """
        self.address = address
        try:
            with _return_afterwards():
                _call("unshare", _CLONE_NEWNET)
                self.tun = _open_tun()
                _bring_up(b"lo")
                _bring_up(DEVICE, address)
                KEEP_WINDOWS.write_text("0")
                self._fd = os.open(OWN_NAMESPACE, os.O_RDONLY)
        except OSError as error:
            raise ConfigurationError(
                f"network namespaces need Linux, root and {TUN}: {error}"
            ) from None

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread is in the namespace during the block: its new sockets belong to the
        namespace, and so do the processes that it starts.
        """
        with _return_afterwards():
            _call("setns", self._fd, _CLONE_NEWNET)
            yield

    def close(self) -> None:
        """Close the TUN device; the namespace stays for the processes in it."""
        os.close(self.tun)
        os.close(self._fd)


@contextmanager
def _return_afterwards() -> Iterator[None]:
    """This thread is in its present namespace again after the block."""
    outside = os.open(OWN_NAMESPACE, os.O_RDONLY)
    inode = os.fstat(outside).st_ino
    try:
        yield
    finally:
        if os.stat(OWN_NAMESPACE).st_ino != inode:  # without rights it never left
            _call("setns", outside, _CLONE_NEWNET)
        os.close(outside)


def _call(function: str, *arguments: int) -> None:
    """Call unshare(2) or setns(2), which Python has since 3.12."""
    if getattr(ctypes.CDLL(None, use_errno=True), function)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _open_tun() -> int:
    """Create the TUN device of the current namespace; return its file descriptor."""
    tun = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    ioctl(
        tun, _TUNSETIFF, _request(DEVICE, struct.pack("H", _IFF_TUN | _IFF_NO_PI | _IFF_VNET_HDR))
    )
    ioctl(tun, _TUNSETOFFLOAD, _TUN_F_CSUM | _TUN_F_TSO4)
    return tun


def _bring_up(device: bytes, address: str | None = None) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        if address:
            ioctl(any_socket, _SIOCSIFADDR, _request(device, _sockaddr(address)))
            ioctl(any_socket, _SIOCSIFNETMASK, _request(device, _sockaddr(NETMASK)))
        ioctl(any_socket, _SIOCSIFFLAGS, _request(device, struct.pack("H", _IFF_UP)))


def _request(device: bytes, value: bytes) -> bytes:
    """A struct ifreq, netdevice(7)."""
    return struct.pack("16s24s", device, value)


def _sockaddr(address: str) -> bytes:
    return struct.pack("HH4s", socket.AF_INET, 0, socket.inet_aton(address))
