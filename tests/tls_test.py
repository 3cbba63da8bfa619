"""The API over TLS with the cluster's own certificate. Arguments: as in nodes.py."""
import http.client
import ssl
import subprocess
import sys
import unittest

from nodes import EXOGPU, MODEL, Cluster
from harness.ports import free_port
from harness.waiting import WAIT_S, until


class Tls(Cluster):
    def setUp(self):
        super().setUp()
        self.state, self.port = self.folder / "state", free_port()
        command = [EXOGPU, "serve", MODEL, "--state", self.state, "--cache", self.folder / "cache", "--no-discovery",
                   "--listen", f"127.0.0.1:{free_port()}", "-d", "cpu", "-t", "1", "--api", f"127.0.0.1:{self.port}", "--tls"]
        self.process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.line = self.process.stdout.readline()
        self.addCleanup(self.end_process)

    def end_process(self):
        self.process.terminate()
        self.process.communicate(timeout=WAIT_S)
        self.assertEqual(self.process.returncode, 0)

    def context(self, *, lowest=ssl.TLSVersion.TLSv1_3, highest=ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=self.state / "identity/authority.crt")
        context.minimum_version, context.maximum_version = lowest, highest
        return context

    def status(self, host, path, body=None, context=None):
        connection = http.client.HTTPSConnection(host, self.port, timeout=WAIT_S, context=context or self.context())
        try:
            connection.request("POST" if body else "GET", path, body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def test_clients_that_trust_the_cluster_are_answered_and_no_older_protocol_is(self):
        self.assertIn(f"the API is at https://127.0.0.1:{self.port}/v1", self.line)
        until("the model is served", lambda: self.status("localhost", "/health")[0] == 200)
        status, text = self.status("127.0.0.1", "/v1/completions", '{"prompt": "x", "max_tokens": 3, "stream": true}')
        self.assertEqual(status, 200)
        self.assertTrue(text.endswith(b"data: [DONE]\n\n"), text)
        with self.assertRaises(ssl.SSLError):
            self.status("localhost", "/health", context=self.context(lowest=ssl.TLSVersion.TLSv1_2,
                                                                    highest=ssl.TLSVersion.TLSv1_2))
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.status("localhost", "/health", context=ssl.create_default_context())
        # The commands of exogpu on this machine go on with plain HTTP.
        subprocess.run([EXOGPU, "status", "--api", f"127.0.0.1:{self.port}"], check=True, capture_output=True,
                       timeout=WAIT_S)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
