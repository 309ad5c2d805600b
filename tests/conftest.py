"""Every test gets an empty cache folder of its own, so that none sees or touches the user's."""

import fcntl
import signal
import socket
import struct

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background deaf to Ctrl-C, and so would be what tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("data-folder")
    monkeypatch.setenv("MIUA_DATA_DIR", str(folder))
    for name in ("MIUA_HC18", "MIUA_INCEPTION_WEIGHTS", "MIUA_TRACEBACK", "MIUA_COMMIT"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture(scope="session")
def loopback():
    """Make sure that servers of this machine can be reached at 127.0.0.1.

    A machine with its network cut off (`unshare -n`) has the loopback interface, switched off.
    """
    read_flags, write_flags, up = 0x8913, 0x8914, 0x1  # Linux: SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=5).close()
    except OSError:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            request = struct.pack("16sh14x", b"lo", 0)
            flags = struct.unpack("16sh14x", fcntl.ioctl(control, read_flags, request))[1]
            fcntl.ioctl(control, write_flags, struct.pack("16sh14x", b"lo", flags | up))
