"""Ports of this machine for the nodes of a test."""
import fcntl
import os
import pathlib
import random
import socket
import tempfile

LOCKS = pathlib.Path(tempfile.gettempdir()) / f"exogpu-test-ports-{os.getuid()}"


def free_port():
    """A port that no other test is given before this process ends, also while the node that had it is down. None of
    those that outgoing connections are given."""
    while True:
        port = random.randrange(10000, 32000)
        if not reserve(port):
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def reserve(port):
    """Whether this process now has the port's lock, which it keeps to its end."""
    LOCKS.mkdir(exist_ok=True)
    lock = os.open(LOCKS / str(port), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    return True
