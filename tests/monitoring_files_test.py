"""The files of monitoring/: every metric that they name is one of /metrics, and the dashboard is one that Grafana takes.

  monitoring_files_test.py ROOT
"""
import json
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(sys.argv.pop(1))
FILES = ROOT / "monitoring"
SUFFIXES = ("_bucket", "_sum", "_count")


def families():
    """The families that the program has, by its sources."""
    text = "".join(path.read_text() for path in (ROOT / "src/api/metrics").glob("*.cpp"))
    return set(re.findall(r'"((?:exogpu|process)_[a-z0-9_]+)"', text))


def metrics_in(expression):
    without_labels = re.sub(r"\{[^}]*\}", "", expression)
    return set(re.findall(r"\b(?:exogpu|process)_[a-z0-9_]+\b", without_labels))


class Monitoring(unittest.TestCase):
    def assert_known(self, names):
        known = families()
        self.assertGreater(len(known), 40)
        for name in names:
            base = next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)
            self.assertTrue(name in known or base in known, name)

    def test_rules_name_what_the_program_has(self):
        text = (FILES / "exogpu.rules.yml").read_text()
        found = set()
        for expression in re.findall(r"^\s+expr: (.+)$", text, re.M):
            found |= metrics_in(expression)
        self.assertGreater(len(found), 3)
        self.assert_known(found)

    def test_the_dashboard_names_what_the_program_has(self):
        dashboard = json.loads((FILES / "grafana-dashboard.json").read_text())
        found = set()
        for panel in dashboard["panels"]:
            self.assertTrue(panel["targets"], panel["title"])
            for target in panel["targets"]:
                names = metrics_in(target["expr"])
                self.assertTrue(names, target["expr"])
                found |= names
        self.assert_known(found)

    def test_panels_have_their_own_ids_and_places(self):
        panels = json.loads((FILES / "grafana-dashboard.json").read_text())["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken = set()
        for panel in panels:
            at = panel["gridPos"]
            self.assertLessEqual(at["x"] + at["w"], 24, panel["title"])
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells
            self.assertEqual(panel["datasource"]["uid"], "${datasource}")
            self.assertEqual(len({target["refId"] for target in panel["targets"]}), len(panel["targets"]))


if __name__ == "__main__":
    unittest.main()
