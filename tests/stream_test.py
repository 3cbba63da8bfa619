"""Streams that survive their client's connection, and clients that wait fairly for each other.

usage: stream_test.py EXOGPU TINY_MODEL MODEL    (nodes.py)
"""
import contextlib
import http.client
import json
import sys
import threading

from harness import cases
from nodes import MODEL, WAIT_S, Cluster, until

KEY = {"Authorization": "Bearer one"}
OTHER_KEY = {"Authorization": "Bearer two"}
KEYS = ("--api-key", "one", "--api-key", "two")


@contextlib.contextmanager
def call(node, method, path, fields=None, headers=KEY):
    """The response, whose body is not read yet; the connection is closed at the end of the block."""
    connection = http.client.HTTPConnection("127.0.0.1", node.api, timeout=WAIT_S)
    try:
        connection.request(method, path, json.dumps(fields) if fields else None, headers)
        yield connection.getresponse()
    finally:
        connection.close()


def body(node, method, path, fields=None, headers=KEY):
    with call(node, method, path, fields, headers) as response:
        return response.status, response.read()


class Streams(Cluster):
    def setUp(self):
        super().setUp()
        # An answer that is long enough to be left in the middle.
        self.asked = {"prompt": "Once", "max_tokens": 300, "temperature": 0, "ignore_eos": True, "stream": True}

    def events(self, text):
        return [json.loads(line[6:]) for line in text.decode().splitlines() if line.startswith("data: {")]

    def text_of(self, stream):
        return "".join(choice["text"] for event in self.events(stream) for choice in event["choices"])

    def test_a_stream_is_taken_up_at_another_node_by_the_same_key(self):
        a, b, c = self.ring("0-3", "4-7", "8-11", more=KEYS)
        status, expected = body(a, "POST", "/v1/completions", self.asked)
        self.assertEqual(status, 200)
        with call(a, "POST", "/v1/completions", {**self.asked, "linger_s": 60}) as response:
            stream_id = response.getheader("X-Stream-Id")
            head = response.read(700)
        path = f"/v1/stream/{stream_id}?from={len(head)}"
        for node in (b, c, a):
            status, rest = body(node, "GET", path)
            self.assertEqual(status, 200, rest)
            self.assertEqual(self.text_of(head + rest), self.text_of(expected))
            self.assertTrue(rest.endswith(b"data: [DONE]\n\n"))
            self.assertEqual(body(node, "GET", path, headers=OTHER_KEY)[0], 404)
            self.assertEqual(body(node, "GET", path, headers={})[0], 401)
        status, error = body(b, "GET", f"/v1/stream/{stream_id[::-1]}")
        self.assertEqual(json.loads(error)["error"]["code"], "stream_not_found")

    def test_a_stream_is_stopped_from_another_node(self):
        a, b = self.ring("0-5", "6-11", context=8192, more=KEYS)
        with call(a, "POST", "/v1/completions", {**self.asked, "max_tokens": 8000, "linger_s": 60}) as response:
            stream_id = response.getheader("X-Stream-Id")
            response.read(100)
            self.assertEqual(body(b, "DELETE", f"/v1/stream/{stream_id}")[0], 200)
            self.assertIn(b"nobody reads this answer any more", response.read())

    def test_a_hundred_requests_of_one_key_do_not_delay_the_one_of_another(self):
        a = self.node("a", MODEL, "--parallel", 2, "-c", 8192, *KEYS)
        a.waits_to_serve()
        asked = {"prompt": "Once", "max_tokens": 20, "temperature": 0, "ignore_eos": True}
        long = {**asked, "max_tokens": 8000, "stream": True}
        done = []

        def ask(key, headers):
            self.assertEqual(body(a, "POST", "/v1/completions", asked, headers)[0], 200)
            done.append(key)

        threads = [threading.Thread(target=ask, args=("one", KEY)) for _ in range(100)]
        other = threading.Thread(target=ask, args=("two", OTHER_KEY))
        # Two long answers occupy both sequences until all others have arrived.
        with call(a, "POST", "/v1/completions", long) as first, call(a, "POST", "/v1/completions", long) as second:
            for answer in (first, second):
                answer.read(100)
            for thread in threads:
                thread.start()
            until("a hundred requests wait", lambda: self.waiting(a) == 100)
            other.start()
            until("the other key's request waits", lambda: self.waiting(a) == 101)
        for thread in [*threads, other]:
            thread.join()
        self.assertEqual(done.count("one"), 100)
        # In the order of arrival it would have been the last; the order in which the threads here are woken
        # may differ a little.
        self.assertLess(done.index("two"), 50)

    def waiting(self, node):
        live = node.cluster()["live"]
        return live["waiting_requests"] if live else 0


if __name__ == "__main__":
    cases.run(sys.argv[4:])
