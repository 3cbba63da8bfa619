"""The processor that a test runs on, and ggml's CPU kernels for it."""
import json
import pathlib
import re
import subprocess
import sys


def processor():
    """"AMD EPYC 9654, kernels zen4"; the program is the test's first argument."""
    found = re.search(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    devices = json.loads(subprocess.run([sys.argv[1], "devices", "--json"], capture_output=True, text=True, check=True).stdout)
    kernels = [device["driver_version"] for device in devices["devices"] if device["id"] == "cpu"]
    return f"{found[1] if found else 'an unknown processor'}, kernels {kernels[0] or 'built in'}"
