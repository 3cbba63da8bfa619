"""What reaches a node's link port from a member that breaks the rules, and from a machine that is none. Arguments: as in
nodes.py."""
import os
import socket
import ssl
import struct
import sys
import time
import unittest

from nodes import MODEL, QUICK, Cluster
from harness.link import (ELECTION_PROBE, GENERATE, HEARTBEAT, HEARTBEAT_ACK, ORDERED, TELEMETRY_WATCH, URGENT,
                          WEIGHTS_REQUEST, Link, encoded, fields_of)
from harness.waiting import WAIT_S, until

GONE = (BrokenPipeError, ConnectionResetError, EOFError)
LARGEST = 0xFFFFFFFFFFFFFFFF


def piece(size, *frame, flags=3, lane=ORDERED):
    return struct.pack("<BBBBI", 0xE5, 1, flags, lane, size) + b"".join(frame)


class Attacks(Cluster):
    def test_a_node_withstands_all_of_them(self):
        self.a = self.node("a", MODEL)
        self.b = self.node("b", "--join", f"127.0.0.1:{self.a.link}", "--token", self.a.token())
        until("a knows b", lambda: "b" in self.members())
        self.id = bytes.fromhex(next(each["id"] for each in self.a.cluster()["nodes"] if each["name"] == "b"))
        self.b.stop()
        self.a.waits_to_serve()
        self.incarnations = iter(range(100, 1000))
        for attack in (self.frames_that_are_none, self.messages_that_are_broken_or_full_of_the_largest_numbers,
                       self.a_member_that_asks_and_never_reads, self.a_member_that_says_hello_twice_or_as_another,
                       self.a_member_whose_counters_are_at_their_maximum, self.a_machine_without_a_certificate):
            with self.subTest(attack.__name__):
                attack()
                begun = time.monotonic()
                self.assertEqual(self.a.request("POST", "/v1/completions", {"prompt": "x", "max_tokens": 4})[0], 200)
                if QUICK:
                    self.assertLess(time.monotonic() - begun, 1)
        self.b.restart()  # which is welcome once it behaves
        until("b is there again", lambda: "b" in self.members())

    def members(self):
        return {each["name"] for each in self.a.cluster()["nodes"] if each["online"]}

    def link(self):
        """A link as the node whose process is stopped."""
        link = Link(self.a.link, self.b.folder / "state")
        self.addCleanup(link.close)
        link.greet(self.id, next(self.incarnations))
        return link

    def refused(self, words, sent):
        """What is sent ends the link, with these words."""
        link = self.link()
        link.raw(sent)
        self.assertIn(words, link.goodbye())

    def frames_that_are_none(self):
        self.refused("out of step", bytes(8))
        self.refused("layout 9", struct.pack("<BBBBI", 0xE5, 9, 3, 1, 8))
        self.refused("lane 9", piece(8, lane=9))
        self.refused("unknown flags 0xf0", piece(8, flags=0xF0))
        self.refused("a piece of 4,294,967,295 bytes", piece(0xFFFFFFFF))
        self.refused("unknown kind 9", piece(8, struct.pack("<BBHI", 9, 0, 0, 0)))
        self.refused("a control frame of 4,294,967,295 bytes", piece(8, struct.pack("<BBHI", 1, 0, 64, 0xFFFFFFFF)))
        # 2^32 - 1 rows of as many elements; 4 GiB of a transfer.
        self.refused("an activation of 4294967295 x 4294967295",
                     piece(32, struct.pack("<BBHIQIIII", 2, 1, 0, 0, 7, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF)))
        self.refused("bulk", piece(24, struct.pack("<BBHIQQ", 3, 0, 0, 0xFFFFFFFF, 7, 0xFFFFFFFFFFFFFFFF), lane=2))

    def messages_that_are_broken_or_full_of_the_largest_numbers(self):
        largest = encoded([(number, 0, LARGEST) for number in range(1, 16)])
        deep = b""
        for _ in range(200):
            deep = encoded([(1, 2, deep)])
        for kind in range(64, 128):
            for payload in (b"", b"\xff" * 40, largest, deep):
                link = self.link()
                try:
                    link.send(kind, payload)
                    link.settle()
                except GONE:  # it was refused
                    pass
                link.close()

    def a_member_that_asks_and_never_reads(self):
        silent = self.link()
        for _ in range(2000):
            try:
                silent.send(TELEMETRY_WATCH, b"")
            except GONE:
                break
        until("a gives it up", lambda: "b" not in self.members())

    def a_member_that_says_hello_twice_or_as_another(self):
        twice = self.link()
        twice.send(1, b"", URGENT)
        self.assertIn("not allowed in a link", twice.goodbye())
        other = Link(self.a.link, self.b.folder / "state")
        self.addCleanup(other.close)
        other.greet(bytes(16))
        self.assertIn("its certificate is for another node", other.goodbye())

    def a_member_whose_counters_are_at_their_maximum(self):
        """One of them believed, and there would be no term or epoch left for an election or a plan."""
        last = encoded([(1, 0, 1 << 31), (2, 2, self.id)])  # the last term that can be sent
        end = encoded([(1, 2, last), (2, 0, LARGEST)])
        link = self.link()
        link.send(ELECTION_PROBE, encoded([(1, 0, 1)]), URGENT)  # without a leader: a invites it
        kind, payload = link.receive()
        while kind != HEARTBEAT:
            kind, payload = link.receive()
        now = {number: value for number, _, value in fields_of(payload)}[1]  # the leader's own term
        for kind, message in ((ELECTION_PROBE, [(1, 0, 1), (2, 2, last), (3, 0, 1), (9, 2, end)]),
                              (HEARTBEAT, [(1, 2, last), (2, 0, 1)]),
                              (HEARTBEAT_ACK, [(1, 2, last), (2, 0, LARGEST), (3, 2, end), (4, 0, LARGEST)]),
                              (HEARTBEAT_ACK, [(1, 2, now), (2, 0, LARGEST), (4, 0, LARGEST)])):
            link.send(kind, encoded(message), URGENT)
        link.settle()
        self.assertIn("far ahead of all that are known", self.a.said())
        link.close()
        until("a plans without b", lambda: "b" not in self.members())
        self.assertLess(int((self.a.folder / "state/term").read_text()), 1000)

    def a_machine_without_a_certificate(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["exogpu-link"])
        with socket.create_connection(("127.0.0.1", self.a.link), WAIT_S) as plain, context.wrap_socket(plain) as stranger:
            # In TLS 1.3 the refusal arrives with the first read.
            self.assertRaises(OSError, stranger.recv, 1)
        # The door for those that join needs no certificate, and has nothing else: no weights, no answers.
        context.set_alpn_protocols(["exogpu-join"])
        for kind in (WEIGHTS_REQUEST, GENERATE, TELEMETRY_WATCH, ELECTION_PROBE):
            with socket.create_connection(("127.0.0.1", self.a.link), WAIT_S) as plain, context.wrap_socket(plain) as stranger:
                stranger.sendall(piece(8, struct.pack("<BBHI", 1, 0, kind, 0)))
                try:
                    self.assertEqual(stranger.recv(1), b"", kind)
                except (ConnectionResetError, ssl.SSLEOFError):
                    pass
        for sent in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b""):  # no TLS at all, or nothing
            silent = socket.create_connection(("127.0.0.1", self.a.link), WAIT_S)
            self.addCleanup(silent.close)
            silent.sendall(sent)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
