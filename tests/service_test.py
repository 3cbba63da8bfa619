"""The unit for systemd is well-formed, and as closed as it says. Exit status 77: there is no systemd-analyze here.

usage: service_test.py EXOGPU    whose options the unit uses
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

EXOGPU = sys.argv.pop(1)
UNIT = pathlib.Path(__file__).resolve().parents[1] / "scripts/exogpu.service"
EXPOSURE_MAX = 2.0


class Service(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.unit = pathlib.Path(directory.name) / "exogpu.service"
        self.unit.write_text(UNIT.read_text().replace("/usr/local/bin/exogpu", str(pathlib.Path(EXOGPU).resolve())))

    def run_analyze(self, *arguments):
        return subprocess.run(["systemd-analyze", *arguments, str(self.unit)], capture_output=True, text=True, timeout=60)

    def test_the_unit_is_well_formed(self):
        done = self.run_analyze("verify", "--man=no")
        self.assertNotIn("exogpu.service:", done.stdout + done.stderr)

    def test_little_is_open(self):
        done = self.run_analyze("security", "--offline=true", "--no-pager")
        exposure = re.search(r"exposure level for exogpu\.service: ([\d.]+)", done.stdout)
        self.assertTrue(exposure, done.stdout + done.stderr)
        self.assertLessEqual(float(exposure[1]), EXPOSURE_MAX, done.stdout)

    def test_its_options_exist(self):
        command = re.search(r"^ExecStart=\S+ (.*)$", UNIT.read_text(), re.M)[1].split()
        shown = subprocess.run([EXOGPU, "serve", "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
        for option in command[1:]:
            if option.startswith("--"):
                self.assertIn(option, shown)


if __name__ == "__main__":
    if not shutil.which("systemd-analyze"):
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
