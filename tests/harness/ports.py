"""Ports for nodes on this machine."""
import random
import socket


def free_port():
    """None of those that outgoing connections are given, so that a node can be restarted with the one it had."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
