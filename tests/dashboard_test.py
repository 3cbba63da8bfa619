"""The page: that the bundle is what its sources give, that the API answers as it is described, and that the page works in
a browser with a cluster of three nodes.

usage: dashboard_test.py EXOGPU TINY_MODEL MODEL BUILD    (nodes.py) npm packages are installed below BUILD

Exit status 77: there is no npm, no registry or no browser here.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

BUILD = pathlib.Path(sys.argv.pop(4)).resolve()

from clients_test import Missing, installed, run  # noqa: E402
from harness import cases  # noqa: E402
from harness.models import write_other  # noqa: E402
from harness.ports import free_port  # noqa: E402
from harness.sensors import Sensors  # noqa: E402
from nodes import EXOGPU, MODEL, Cluster  # noqa: E402

TREE = pathlib.Path(__file__).resolve().parents[1]
SOURCES = TREE / "apps/dashboard"
BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium")
HOSTILE = "<script>hacked=1"


def install(folder):
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(SOURCES / name, folder)
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)


def checked(command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    if done.returncode:
        raise AssertionError(f"{command}:\n{(done.stdout + done.stderr)[-6000:]}")
    return done.stdout


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class Dashboard(Cluster):
    @classmethod
    def setUpClass(cls):
        if not BROWSER:
            raise SystemExit(77)
        try:
            cls.packages = installed(BUILD, [SOURCES / "package-lock.json", SOURCES / ".npmrc"], install) / "node_modules"
        except Missing as missing:
            print(missing, file=sys.stderr)
            raise SystemExit(77) from missing

    def copy(self):
        """The sources, with their packages."""
        folder = self.folder / "tree/apps/dashboard"
        shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("node_modules", "dist", "public/openapi.json"))
        (self.folder / "tree/docs").mkdir()
        shutil.copy(TREE / "docs/openapi.yaml", self.folder / "tree/docs")
        (folder / "node_modules").symlink_to(self.packages)
        return folder

    def test_the_bundle_is_what_its_sources_give(self):
        folder = self.copy()
        checked(["npm", "run", "build"], cwd=folder)
        self.assertEqual(files(folder / "dist").keys(), files(SOURCES / "dist").keys(),
                         "run `npm ci && npm run build` in apps/dashboard")
        self.assertTrue(files(folder / "dist") == files(SOURCES / "dist"), "run `npm run build` in apps/dashboard")
        checked(["npm", "run", "check"], cwd=folder)

    def test_the_page_works(self):
        nodes = self.cluster_of_three()
        a = nodes[0]
        model = pathlib.Path(MODEL).stem
        folder = self.copy() / "tests"
        print(checked(["node", folder / "openapi.mjs", f"http://127.0.0.1:{a.api}", model, "a"]))
        newcomer = self.folder / "newcomer"
        link = f"127.0.0.1:{free_port()}"
        setting = {"nodes": [{"name": node.name, "url": f"http://127.0.0.1:{node.api}", "pid": node.process.pid, "device": node.device}
                             for node in nodes],
                   "model": model, "spare": str(self.spare), "battery": str(self.sensors.folder / "sys/class/power_supply"), "audit": str(a.folder / "state/audit"),
                   "pictures": os.environ.get("EXOGPU_TEST_PICTURES"),
                   "join": [os.path.abspath(EXOGPU), "join", "--state", str(newcomer), "--node", f"127.0.0.1:{a.link}"],
                   "serve": [os.path.abspath(EXOGPU), "serve", "--name", "newcomer", "--state", str(newcomer), "--cache",
                             str(newcomer / "cache"), "--listen", link, "--api", f"127.0.0.1:{free_port()}", "-d", "cpu", "-t", "1"],
                   "newcomer": link}
        print(checked(["node", folder / "page.mjs", json.dumps(setting)],
                      env={**os.environ, "CHROMIUM": BROWSER, "EXOGPU_MODELS": str(self.folder / "models")}))

    def test_conversations_have_branches(self):
        folder = self.copy()
        shutil.copytree(SOURCES / "dist", folder / "dist")
        more = filter(None, [os.environ.get("EXOGPU_TEST_PICTURES")])
        print(checked(["node", folder / "tests/chat.mjs", *more], env={**os.environ, "CHROMIUM": BROWSER}))

    def test_its_memory_stays_flat(self):
        """EXOGPU_TEST_PAGE_HOURS is how many hours to run, accelerated, which takes minutes; else only the cluster that
        is made up for it is compared with the API's description."""
        hours = os.environ.get("EXOGPU_TEST_PAGE_HOURS", "0")
        folder = self.copy()
        shutil.copytree(SOURCES / "dist", folder / "dist")
        print(checked(["node", folder / "tests/long.mjs", hours], env={**os.environ, "CHROMIUM": BROWSER}))

    @staticmethod
    def software_gpu():
        """Its id, where one is wanted: it is minutes until Mesa's llvmpipe has compiled all programs of a model. Else None."""
        if not os.environ.get("EXOGPU_TEST_SOFTWARE_GPU"):
            return None
        devices = json.loads(checked([os.path.abspath(EXOGPU), "devices", "--software", "--json"]))
        return next((each["id"] for each in devices["devices"] if each["software"]), None)

    def test_many_devices_are_no_mess(self):
        if not {"EXOGPU_TEST_PICTURES", "EXOGPU_TEST_PAGE_HOURS"} & os.environ.keys():
            self.skipTest("takes long; runs where EXOGPU_TEST_PICTURES or EXOGPU_TEST_PAGE_HOURS is set")
        folder = self.copy()
        shutil.copytree(SOURCES / "dist", folder / "dist")
        more = filter(None, [os.environ.get("EXOGPU_TEST_PICTURES")])
        print(checked(["node", folder / "tests/many.mjs", *more], env={**os.environ, "CHROMIUM": BROWSER}))

    def cluster_of_three(self):
        """One stage on each; the third has a name that attacks pages, and may compute with a software GPU."""
        self.sensors = Sensors(self.folder / "sensors")
        self.sensors.battery(80, True)
        self.spare = self.folder / "models of a/spare.gguf"
        self.spare.parent.mkdir()
        write_other(MODEL, self.spare, 1)
        a = self.node("a", MODEL, "--devices-min", 3, "-c", 2048, "--sensors", self.sensors.folder, "--models", self.spare.parent)
        token = a.token("--uses", 2)
        more = ["--join", f"127.0.0.1:{a.link}", "--token", token]
        b, c = self.node("b", *more), self.node("c", *more, called=HOSTILE, device=self.software_gpu() or "cpu")
        for node in (a, b, c):
            node.waits_to_serve()
        a.waits_for_stages(3)
        return [a, b, c]


if __name__ == "__main__":
    cases.run(sys.argv[4:])
