"""A node's end of a link, by hand: for tests of what a node does with a peer that does not play by the rules.

The layout of frames is in src/wire/frame.h, the Hello in proto/link.proto.
"""
import pathlib
import socket
import ssl
import struct

from harness.waiting import WAIT_S

HELLO, PING, PONG, GOODBYE, GENERATE, TELEMETRY_WATCH = 1, 2, 3, 5, 66, 106
ELECTION_PROBE, HEARTBEAT, HEARTBEAT_ACK, WEIGHTS_REQUEST = 80, 81, 82, 98
URGENT, ORDERED = 0, 1


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def fields_of(message):
    """The fields of a protobuf message as (number, wire type, value); a length-delimited value has its bytes."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = number()
        size = {0: None, 1: 8, 2: None, 5: 4}[tag & 7]
        if tag & 7 == 0:
            yield tag >> 3, 0, number()
            continue
        size = number() if tag & 7 == 2 else size
        yield tag >> 3, tag & 7, message[at:at + size]
        at += size


def encoded(fields):
    out = b""
    for number, kind, value in fields:
        out += varint(number << 3 | kind)
        out += varint(value) if kind == 0 else (varint(len(value)) if kind == 2 else b"") + value
    return out


class Link:
    """Connects as the node whose state folder this is, with the Hello of the other end, but its own id."""

    def __init__(self, port, state, purpose="exogpu-link"):
        identity = pathlib.Path(state) / "identity"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols([purpose])
        context.load_cert_chain(identity / "node.crt", identity / "node.key")
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", port), WAIT_S))

    def close(self):
        self.socket.close()

    def greet(self, node, incarnation=77):
        """`node`: the 16 bytes of its id."""
        kind, hello = self.receive()
        assert kind == HELLO, kind
        mine = [(number, wire, {4: node, 6: struct.pack("<Q", incarnation)}.get(number, value))
                for number, wire, value in fields_of(hello)]
        self.send(HELLO, encoded(mine), URGENT)

    def send(self, kind, payload=b"", lane=ORDERED):
        """A control frame in one piece."""
        frame = struct.pack("<BBHI", 1, 0, kind, len(payload)) + payload
        self.raw(struct.pack("<BBBBI", 0xE5, 1, 3, lane, len(frame)) + frame)

    def raw(self, data):
        self.socket.sendall(data)

    def exactly(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def receive(self):
        """The type and the payload of the next control frame; frames of several pieces are not expected."""
        while True:
            _, _, flags, _, size = struct.unpack("<BBBBI", self.exactly(8))
            frame = self.exactly(size)
            if frame[0] == 1 and flags == 3:
                return struct.unpack_from("<H", frame, 2)[0], frame[8:]

    def settle(self):
        """Returns when the other end has dealt with all that was sent."""
        self.send(PING, encoded([(1, 1, bytes(8))]), URGENT)
        while self.receive()[0] != PONG:
            pass

    def goodbye(self):
        """The message with which the other end closes the link."""
        while True:
            kind, payload = self.receive()
            if kind == GOODBYE:
                return {number: value for number, _, value in fields_of(payload)}.get(2, b"").decode()
