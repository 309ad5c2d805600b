"""Switches the loopback interface on, which `unshare --net` leaves off.

`python -m container.loopback COMMAND` then becomes the command.
"""

import fcntl
import os
import socket
import struct
import sys

# Linux: SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
_READ_FLAGS, _WRITE_FLAGS, _UP = 0x8913, 0x8914, 0x1


def switch_on() -> None:
    """Let programs of this machine reach each other at 127.0.0.1; needs the right to set that."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, _READ_FLAGS, request))[1]
        fcntl.ioctl(control, _WRITE_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


if __name__ == "__main__":
    switch_on()
    os.execvp(sys.argv[1], sys.argv[1:])
