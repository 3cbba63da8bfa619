"""Clusters of processes on this machine, connected over loopback, for tests.

The test is called with EXOGPU TINY_MODEL MODEL: the two programs, and the model to serve, of twelve layers.
EXOGPU_TEST_WAIT_S is how long something may take that takes a moment; more under sanitizers.
"""
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

import harness.node
from harness.waiting import WAIT_S, until

EXOGPU, TINY_MODEL, MODEL = sys.argv[1:4]
QUICK = os.environ.get("EXOGPU_TEST_QUICK_S")  # limit for what must be quick; empty on slow machines


class Node(harness.node.Node):
    """A node of the tested program, with the served model."""

    def __init__(self, folder, name, *arguments, **how):
        super().__init__(EXOGPU, folder, name, *arguments, **how)

    def has_all(self):
        return self.has_all_of(os.path.getsize(MODEL))


class Cluster(unittest.TestCase):
    """Tests with nodes that end with the test."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.directory.name)
        self.nodes = []
        self.addCleanup(self.end)

    def end(self):
        for node in self.nodes:
            if node.process.poll() is None:
                node.kill()
        self.directory.cleanup()

    def node(self, name, *arguments, **how):
        node = Node(self.folder, name, *arguments, **how)
        self.nodes.append(node)
        return node

    def ring(self, *layers, context=512, more=()):
        """Starts nodes a, b, ... with these layers; `more`: options of each."""
        names = "abcd"[:len(layers)]
        by_hand = ",".join(f"{name}/cpu:{range}" for name, range in zip(names, layers))
        a = self.node("a", MODEL, "--layers", by_hand, "-c", context, *more)
        token = a.token("--uses", len(layers))
        nodes = [a] + [self.node(name, "--join", f"127.0.0.1:{a.link}", "--token", token, *more) for name in names[1:]]
        for node in nodes:
            node.waits_to_serve()
        return nodes

    def three(self, *more):
        return self.ring("0-3", "4-7", "8-11", more=more)

    def end_all(self):
        """Stops all nodes, for a test that continues with other nodes of the same names."""
        for node in self.nodes:
            node.stop()
            shutil.rmtree(node.folder)
        self.nodes = []
