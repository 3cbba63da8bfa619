"""A real Prometheus and Alertmanager with three nodes and the files of monitoring/: all are scraped, the metrics are clean,
an alert fires and resolves. Arguments: as in nodes.py. Skipped where prometheus, promtool and prometheus-alertmanager
(Debian packages of these names) are not on the PATH."""
import http.client
import http.server
import json
import pathlib
import shutil
import subprocess
import sys
import threading
import unittest

from nodes import MODEL, Cluster
from harness.ports import free_port
from harness.waiting import until
from telemetry_test import Sensors

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ("prometheus", "promtool", "prometheus-alertmanager")


class Receiver:
    """Takes what Alertmanager posts: (status, name, node) of each alert."""

    def __init__(self):
        told = self.told = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                told.extend((alert["status"], alert["labels"].get("name"), alert["labels"].get("node"))
                            for alert in body["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Monitoring(Cluster):
    def start(self, *command):
        log = open(self.folder / f"{command[0]}.log", "wb")
        self.addCleanup(log.close)
        process = subprocess.Popen([*map(str, command)], stdout=log, stderr=log, cwd=self.folder)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

    def logs(self):
        return "".join((self.folder / f"{name}.log").read_text()[-2000:] for name in ("prometheus", "prometheus-alertmanager"))

    def configure(self, nodes, receiver, alertmanager):
        """The files of monitoring/, with the ports of this test and quicker."""
        for name in ("exogpu.rules.yml", "prometheus.yml", "alertmanager.yml"):
            text = (ROOT / "monitoring" / name).read_text()
            for old, new in (("5s", "1s"), ("group_wait: 10s", "group_wait: 0s\n  group_interval: 1s"),
                             ("127.0.0.1:9093", f"127.0.0.1:{alertmanager}"), ("127.0.0.1:9099", f"127.0.0.1:{receiver}"),
                             ('"127.0.0.1:8080"', ", ".join(f'"127.0.0.1:{node.api}"' for node in nodes))):
                text = text.replace(old, new)
            (self.folder / name).write_text(text)

    def query(self, port, expression):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/api/v1/query?query=" + expression)
            response = connection.getresponse()
            return json.loads(response.read())["data"]["result"] if response.status == 200 else []  # it starts
        except OSError:
            return []
        finally:
            connection.close()

    def test_three_nodes_are_scraped_and_an_alert_fires_and_resolves(self):
        sensors = Sensors(self.folder / "b-sensors")
        sensors.battery(80, True)
        a = self.node("a", MODEL, "-c", 512)
        token = a.token("--uses", 2)
        b, c = (self.node(name, "--join", f"127.0.0.1:{a.link}", "--token", token, *more)
                for name, more in (("b", ("--sensors", sensors.folder)), ("c", ())))
        nodes = [a, b, c]
        for node in nodes:
            node.waits_to_serve()
        a.complete(max_tokens=3)
        for node in nodes:
            connection = http.client.HTTPConnection("127.0.0.1", node.api, timeout=10)
            connection.request("GET", "/metrics")
            checked = subprocess.run(["promtool", "check", "metrics"], input=connection.getresponse().read(),
                                     capture_output=True)
            connection.close()
            self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, b""))

        receiver, alertmanager, prometheus = Receiver(), free_port(), free_port()
        self.addCleanup(receiver.close)
        self.configure(nodes, receiver.port, alertmanager)
        self.start("prometheus-alertmanager", "--config.file=alertmanager.yml", f"--web.listen-address=127.0.0.1:{alertmanager}",
                   "--cluster.listen-address=", "--storage.path=alertmanager-data")
        self.start("prometheus", "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{prometheus}",
                   "--storage.tsdb.path=prometheus-data")
        until("three nodes are scraped", lambda: len(self.query(prometheus, "up==1")) == 3)
        until("the battery is known", lambda: self.query(prometheus, "exogpu_machine_battery_charge_ratio==0.8"))
        sensors.battery(12, False)
        until(lambda: f"the alert fires; received: {receiver.told}; {self.logs()}", lambda: ("firing", "battery_low", "b") in receiver.told)
        sensors.battery(12, True)
        until("the alert resolves", lambda: ("resolved", "battery_low", "b") in receiver.told)


if __name__ == "__main__":
    if not all(shutil.which(program) for program in PROGRAMS):
        print(f"needs {', '.join(PROGRAMS)}")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
