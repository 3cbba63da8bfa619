"""Telemetry, alerts and metrics of a cluster, with made-up sensors. Arguments: as in nodes.py."""
import http.client
import json
import subprocess
import sys
import unittest

from nodes import EXOGPU, MODEL, Cluster
from harness.sensors import Sensors
from harness.waiting import WAIT_S, until


class Telemetry(Cluster):
    def two(self):
        self.sensors = {name: Sensors(self.folder / f"{name}-sensors") for name in "ab"}
        self.sensors["b"].battery(80, True)
        told = self.folder / "told"
        a = self.node("a", MODEL, "-c", 512, "--sensors", self.sensors["a"].folder, "--on-alert",
                      f'echo "$EXOGPU_ALERT_STATE $EXOGPU_ALERT_NAME $EXOGPU_ALERT_NODE" >> {told}')
        b = self.node("b", "--join", f"127.0.0.1:{a.link}", "--token", a.token(), "--sensors", self.sensors["b"].folder)
        for node in a, b:
            node.waits_to_serve()
        return a, b, told

    @staticmethod
    def of_node(node, name):
        """The telemetry of the node with this name, as `node` knows it."""
        return next((each for each in node.get("/v1/telemetry?history_s=60")["nodes"] if each["name"] == name), None)

    def test_every_node_knows_how_all_devices_are(self):
        a, b, _ = self.two()
        self.sensors["b"].temperature(61)
        for node in a, b:
            for name, celsius in ("a", 50), ("b", 61):
                until(f"{node.name} knows the temperature of {name}", lambda: (found := self.of_node(node, name)) and
                      found["devices"][0].get("temperature_c") == celsius)
        found = self.of_node(a, "b")
        self.assertEqual(found["machine"]["charge"], 0.8)
        self.assertIs(found["machine"]["on_battery"], False)
        self.assertEqual(found["devices"][0]["temperature_limit_c"], 100)
        self.assertEqual(found["devices"][0]["memory_total_bytes"], 16 << 30)
        self.assertAlmostEqual(found["devices"][0]["suitability"], 0.6 * 0.75 + 0.4, delta=0.01)
        self.assertNotIn("power_w", found["devices"][0])
        def history():
            return self.of_node(a, "b")["devices"][0].get("history", {"temperature_c": []})
        until("there is a history", lambda: 61 in history()["temperature_c"])

        shown = subprocess.run([EXOGPU, "top", "--once", "--api", f"127.0.0.1:{b.api}"], capture_output=True, text=True,
                               check=True, env={"LC_ALL": "C.UTF-8", "PATH": ""}).stdout
        self.assertRegex(shown, r"(?m)^a/cpu .* 50 °C ")
        self.assertRegex(shown, r"(?m)^b/cpu .* 61 °C ")
        printed = subprocess.run([EXOGPU, "top", "--json", "--api", f"127.0.0.1:{b.api}"], capture_output=True, text=True,
                                 check=True).stdout
        self.assertEqual({node["name"] for node in json.loads(printed)["telemetry"]["nodes"]}, {"a", "b"})

    @staticmethod
    def battery_alert(node):
        alerts = node.get("/v1/alerts")["alerts"]
        return next((alert for alert in alerts if alert["name"] == "battery_low"), None)

    def test_an_alert_is_told_everywhere_and_ends(self):
        a, b, told = self.two()
        self.sensors["b"].battery(12, False)
        for node in a, b:
            found = until(f"{node.name} has the alert", lambda: self.battery_alert(node))
            self.assertEqual((found["node"], found["summary"]), ("b", "its battery has 12 % left"))
        status = subprocess.run([EXOGPU, "status", "--api", f"127.0.0.1:{b.api}"], capture_output=True, text=True,
                                check=True).stdout
        self.assertIn("warning battery_low b: its battery has 12 % left. Likely cause: it is not plugged in.", status)
        until("the command was told", lambda: told.exists() and "begins battery_low b\n" in told.read_text())
        self.sensors["b"].battery(12, True)
        for node in a, b:
            until(f"{node.name} has no alert", lambda: not self.battery_alert(node))
        until("the command was told", lambda: "ended battery_low b\n" in told.read_text())

    def test_metrics_count_requests(self):
        a = self.node("a", MODEL, "-c", 512)
        a.waits_to_serve()
        a.complete(max_tokens=5, ignore_eos=True)

        def metrics():
            connection = http.client.HTTPConnection("127.0.0.1", a.api, timeout=WAIT_S)
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
            connection.close()
            return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))

        model = a.get("/v1/models")["data"][0]["id"]
        until("the request has ended", lambda: metrics()[f'exogpu_requests_open{{model="{model}"}}'] == "0")
        found = metrics()
        self.assertEqual(found[f'exogpu_answer_tokens_total{{model="{model}"}}'], "5")
        self.assertEqual(found[f'exogpu_requests_total{{model="{model}"}}'], "1")
        self.assertEqual(found[f'exogpu_request_first_token_seconds_count{{model="{model}"}}'], "1")
        self.assertEqual(found["exogpu_cluster_leads"], "1")
        self.assertEqual(found['exogpu_cluster_plans_total{reason="first"}'], "1")
        self.assertGreater(float(found["process_resident_memory_bytes"]), 1e6)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
