"""exogpu pull as a user runs it, against a hub on this machine that fails in many ways.

usage: pull_test.py EXOGPU TINY_MODEL    (the two programs)
"""
import json
import os
import pathlib
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

from harness.waiting import until
from hub_server import Hub

EXOGPU, TINY_MODEL = map(os.path.abspath, sys.argv[1:3])
REPO = "org/repo"
FILE = "tiny-F32.gguf"
NAME = f"{REPO}/{FILE}"


def gguf(**values):
    """A GGUF without tensors; numbers become u16."""
    entries = b""
    for key, value in values.items():
        key = key.replace("__", ".").encode()
        entries += struct.pack("<Q", len(key)) + key
        if isinstance(value, str):
            entries += struct.pack("<IQ", 8, len(value)) + value.encode()
        else:
            entries += struct.pack("<IH", 2, value)
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(values)) + entries


class Pull(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / FILE
            subprocess.run([TINY_MODEL, "llama", str(path)], check=True, capture_output=True, timeout=60)
            cls.model = path.read_bytes()

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name)
        self.folder = self.home / "exogpu" / "models"
        self.path = self.folder / NAME
        self.part = self.folder / (NAME + ".part")
        self.hub = self.new_hub()
        self.hub.files[NAME] = self.model

    def new_hub(self, **options):
        hub = Hub(**options)
        self.addCleanup(hub.close)
        return hub

    def environment(self, **more):
        names = ("HF_TOKEN", "HF_ENDPOINT", "EXOGPU_MODELS", "SSL_CERT_FILE", "SSL_CERT_DIR")
        inherited = {name: value for name, value in os.environ.items() if name not in names}
        return {**inherited, "XDG_DATA_HOME": str(self.home), "HF_ENDPOINT": self.hub.url, **more}

    def start(self, *arguments, environment=None, **options):
        return subprocess.Popen([EXOGPU, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=self.environment(**(environment or {})), cwd=self.home, **options)

    def exogpu(self, *arguments, status=0, **options):
        running = self.start(*arguments, **options)
        running.out, running.err = running.communicate(timeout=120)
        self.assertEqual(running.returncode, status, running.err)
        return running

    def pull(self, what=REPO, *arguments, **options):
        return self.exogpu("pull", what, *arguments, **options)

    def refused(self, what=REPO, *arguments, retries=0, **options):
        """Runs pull, which must fail without a model file, and returns its error."""
        done = self.pull(what, "--retries", retries, *arguments, status=1, **options)
        self.assertEqual(done.out, "")
        self.assertFalse(self.path.exists())
        return done.err

    def assert_whole(self):
        self.assertEqual(self.path.read_bytes(), self.model)
        self.assertEqual([path.name for path in self.path.parent.iterdir()], [FILE])

    # ---- success

    def test_a_model_comes_and_is_used_by_name(self):
        done = self.pull()
        self.assertIn(f"{REPO}/tiny-F32: ", done.out)
        self.assertIn("its checksum is right", done.out)
        self.assert_whole()
        self.assertIn("tiny-F32", self.exogpu("models").out)
        self.exogpu("run", "tiny-F32", "-p", "a", "-n", "1")
        self.hub.requests.clear()
        self.assertIn("was here already", self.pull().out)
        self.assertEqual(self.hub.file_requests(), [])
        self.assert_whole()

    def test_choices(self):
        self.hub.files = {f"{REPO}/a-Q8_0.gguf": self.model, f"{REPO}/a-Q4_K_M.gguf": self.model,
                          f"{REPO}/mmproj-a-F16.gguf": b"", f"{REPO}/README.md": b""}
        self.hub.page = 1
        self.pull(f"{REPO}:q8_0")
        self.pull()
        self.assertEqual(sorted(path.name for path in (self.folder / REPO).iterdir()), ["a-Q4_K_M.gguf", "a-Q8_0.gguf"])
        error = self.refused(f"{REPO}:Q8_1")
        self.assertIn(f"{REPO}: holds no Q8_1", error)
        self.assertIn("a-Q8_0.gguf", error)

    def test_split_models_come_whole(self):
        for i in range(3):
            data = gguf(general__architecture="llama", split__no=i, split__count=3, split__tensors__count=0)
            self.hub.files[f"{REPO}/Q8_0/s-0000{i + 1}-of-00003.gguf"] = data
        self.hub.faults = [{}, {"status": 404}]
        self.refused(f"{REPO}:Q8_0")
        self.assertIn("1 of 3 files", self.exogpu("models").out)
        self.assertIn("Q8_0/s", self.pull(f"{REPO}:Q8_0").out)
        self.assertEqual(len(list((self.folder / REPO / "Q8_0").iterdir())), 3)
        self.exogpu("inspect", f"{REPO}:Q8_0")
        folder = self.home / "by_address"
        self.pull(f"{self.hub.url}/{REPO}/resolve/main/Q8_0/s-00002-of-00003.gguf?download=true", "--models", folder)
        self.assertEqual(len(list(folder.iterdir())), 3)

    def test_addresses(self):
        done = self.pull(f"{self.hub.url}/{REPO}/resolve/main/{FILE}", "--models", self.home)
        self.assertIn("the hub states no checksum", done.out)
        self.assertEqual((self.home / FILE).read_bytes(), self.model)

    def test_a_node_pulls_for_its_clients(self):
        served = self.home / "served.gguf"
        served.write_bytes(self.model)
        node = self.start("serve", served, "--api", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--no-discovery", "-d", "cpu",
                          "--state", self.home / "state", "--cache", self.home / "cache")
        def ended():
            node.kill()
            node.communicate()
        self.addCleanup(ended)
        url = re.search(r"http://[\d.:]+", node.stdout.readline())[0]

        def pull(model):
            body = json.dumps({"model": model}).encode()
            with urllib.request.urlopen(urllib.request.Request(url + "/api/pull", body), timeout=120) as reply:
                return [json.loads(line) for line in reply]

        self.hub.faults = [{}, {"stop_after": 70000}]
        steps = pull(REPO)
        self.assertEqual(steps[0]["status"], "pulling manifest")
        self.assertEqual(steps[-1], {"status": "success"})
        progress = [step for step in steps if "total" in step]
        self.assertEqual((progress[-1]["completed"], progress[-1]["total"]), (len(self.model), len(self.model)))
        self.assert_whole()
        with urllib.request.urlopen(url + "/v1/models", timeout=60) as reply:  # at once
            self.assertIn("tiny-F32", [model["id"] for model in json.load(reply)["data"]])
        body = json.dumps({"model": "tiny-F32", "prompt": "x", "max_tokens": 2, "ignore_eos": True, "wait_s": 60}).encode()
        with urllib.request.urlopen(urllib.request.Request(url + "/v1/completions", body), timeout=120) as reply:
            self.assertEqual(json.load(reply)["usage"]["completion_tokens"], 2)
        loaded = self.exogpu("load", f"hf:{REPO}", "--api", url[len("http://"):])  # it is there already
        self.assertEqual(loaded.out, "tiny-F32 is loaded.\n")
        self.hub.files.pop(NAME)
        refused = self.exogpu("load", "hf:org/none", "--api", url[len("http://"):], status=1)
        self.assertIn("org/none", refused.err)
        try:
            last = pull("org/none")[-1]["error"]
        except urllib.error.HTTPError as refused:
            last = json.loads(refused.read())["error"]
        self.assertIn("org/none", last)

    # ---- interruptions

    def test_goes_on_where_it_broke_off(self):
        size = len(self.model)
        self.hub.faults = [{"stop_after": 1}, {"stop_after": 70000}, {"stop_after": size - 70001 - 1}]
        self.pull()
        self.assert_whole()
        ranges = [headers.get("range") for headers in self.hub.file_requests()]
        self.assertEqual(ranges, [None, "bytes=1-", "bytes=70001-", f"bytes={size - 1}-"])
        self.assertTrue(all("if-range" in headers for headers in self.hub.file_requests()[1:]))

    def test_goes_on_after_a_break_without_any_byte(self):
        self.hub.faults = [{"stop_after": 0}, {"raw": b""}, {"raw": b"HTTP/1.1 200 OK\r\nContent-Le"}, {"status": 503}]
        self.pull()
        self.assert_whole()

    def test_goes_on_after_being_killed(self):
        self.hub.faults = [{"hold_after": 100000}]
        running = self.start("pull", REPO)
        until("it is half there", lambda: self.part.exists() and self.part.stat().st_size == 100000)
        running.kill()
        running.communicate()
        self.assertFalse(self.path.exists())
        self.assertIn("download incomplete", self.exogpu("models").out)
        self.assertIn("0 of 1 files", self.exogpu("inspect", "tiny-F32", status=1).err)
        self.pull()
        self.assert_whole()
        self.assertEqual(self.hub.file_requests()[1]["range"], "bytes=100000-")

    def test_a_finished_part_is_only_checked(self):
        self.hub.faults = [{"stop_after": 100000}]
        self.refused()
        self.part.write_bytes(self.model)
        self.hub.requests.clear()
        self.pull()
        self.assert_whole()
        self.assertEqual(self.hub.file_requests(), [])

    def test_gives_up_in_the_end_and_keeps_what_came(self):
        self.hub.faults = [{"stop_after": 1000}]
        self.hub.always = {"stop_after": 0}
        error = self.refused(retries=1)
        self.assertIn("trying again in", error)
        self.assertIn("2 tries failed", error)
        self.assertEqual(self.part.read_bytes(), self.model[:1000])

    def test_a_server_without_ranges(self):
        self.hub.ranges = False
        self.hub.faults = [{"stop_after": 1000}, {"stop_after": 500}]
        self.pull()
        self.assert_whole()

    def test_a_server_without_ranges_that_always_breaks_off_is_given_up(self):
        self.hub.ranges = False
        self.hub.faults = [{"stop_after": n} for n in (1000, 500, 999, 400)]
        self.assertIn("2 tries failed", self.refused(retries=1))

    def test_a_silent_server(self):
        self.hub.faults = [{"hold_after": 5000}]
        self.pull(REPO, "--timeout", "0.5")
        self.assert_whole()
        self.path.unlink()
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        error = self.refused("org/other", "--timeout", "0.3", "--hub", f"http://127.0.0.1:{listener.getsockname()[1]}")
        self.assertIn("waiting for the answer took too long", error)

    def test_two_at_once(self):
        self.hub.faults = [{"hold_after": 100000}]
        first = self.start("pull", REPO)
        until("it is half there", lambda: self.part.exists() and self.part.stat().st_size == 100000)
        second = self.start("pull", REPO)
        line = second.stderr.readline()
        self.assertIn("another exogpu fetches it; waiting", line)
        self.hub.go.set()
        for running, words in [(first, "its checksum is right"), (second, "was here already")]:
            out, err = running.communicate(timeout=60)
            self.assertEqual(running.returncode, 0, err)
            self.assertIn(words, out)
        self.assert_whole()
        self.assertEqual(len(self.hub.file_requests()), 1)

    def test_the_second_goes_on_where_the_first_was_killed(self):
        self.hub.faults = [{"hold_after": 100000}]
        first = self.start("pull", REPO)
        until("it is half there", lambda: self.part.exists() and self.part.stat().st_size == 100000)
        second = self.start("pull", REPO)
        self.assertIn("waiting", second.stderr.readline())
        self.assertIn("another exogpu process is downloading it", self.exogpu("models", "rm", "-y", "tiny-F32", status=1).err)
        first.kill()
        first.communicate()
        _, err = second.communicate(timeout=60)
        self.assertEqual(second.returncode, 0, err)
        self.assert_whole()
        self.assertEqual(self.hub.file_requests()[1]["range"], "bytes=100000-")

    # ---- changed files and false statements

    def test_a_file_that_changed_is_fetched_anew(self):
        self.hub.faults = [{"stop_after": 100000}]
        self.refused()
        changed = gguf(general__architecture="llama", general__name="another")
        self.hub.files[NAME] = changed
        self.pull()
        self.assertEqual(self.path.read_bytes(), changed)
        self.hub.files[NAME] = self.model  # also after a complete download
        self.pull()
        self.assert_whole()

    def test_a_file_without_checksum_that_changed_is_fetched_anew(self):
        self.hub.stated[NAME] = {"sha256": ""}
        self.hub.faults = [{"stop_after": 100000}]
        self.refused()
        self.hub.files[NAME] = changed = self.model[:-4] + b"\1\2\3\4"
        self.assertIn("the hub states no checksum", self.pull().out)
        self.assertEqual(self.path.read_bytes(), changed)
        self.assertIn("if-range", self.hub.file_requests()[1])

    def test_without_validator_and_checksum_nothing_is_gone_on_with(self):
        self.hub.stated[NAME] = {"sha256": ""}
        self.hub.etags = False
        self.hub.faults = [{"stop_after": 100000}]
        self.refused()
        self.pull()
        self.assert_whole()
        self.assertNotIn("range", self.hub.file_requests()[1])

    def test_pieces_that_do_not_fit_are_fetched_anew(self):
        self.hub.etags = False
        self.hub.faults = [{"stop_after": 100000, "body": b"x" * len(self.model)}]
        self.assertIn("the parts of the file do not match", self.pull().err)
        self.assert_whole()

    def test_a_wrong_checksum(self):
        self.hub.stated[NAME] = {"sha256": "0" * 64}
        self.assertIn("the hub states " + "0" * 64, self.refused())
        self.assertEqual(list(self.path.parent.iterdir()), [])

    def test_wrong_lengths(self):
        size = len(self.model)
        for fault, words in [({"length": size + 1}, f"the hub lists {size:,} bytes, its server has {size + 1:,}"),
                             ({"length": size - 1}, "its server has"),
                             ({"content_range": f"bytes 0-{size - 1}/{size}"}, "another part of the file"),
                             ({"body": self.model[:-1]}, "its server has")]:
            self.hub.faults = [fault]
            self.assertIn(words, self.refused())
        self.hub.stated[NAME] = {"size": 10}
        self.assertIn("the hub lists 10 bytes", self.refused())
        self.hub.stated[NAME] = {"size": size + 10}
        self.assertIn("the hub lists", self.refused())
        self.assertEqual(list(self.path.parent.iterdir()), [])

    def test_wrong_ranges_are_not_believed(self):
        size = len(self.model)
        for wrong in [f"bytes 0-{size - 1}/{size}", f"bytes 1001-{size - 1}/{size}", "rubbish"]:
            self.hub.faults = [{"stop_after": 1000}, {"content_range": wrong}]
            self.pull()
            self.assert_whole()
            self.path.unlink()
        self.hub.faults = [{"stop_after": 1000}, {"content_range": f"bytes 1000-{size - 1}/{size + 5}"}]
        self.assertIn("the hub lists", self.refused(retries=3))

    def test_more_than_the_length(self):
        self.hub.faults = [{"raw": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + self.model + b"x"}]
        self.assertIn("more data arrives than", self.refused())
        chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(self.model)
        self.hub.faults = [{"raw": chunk + self.model + b"\r\n0\r\n\r\n"}]
        self.pull()
        self.assert_whole()

    def test_what_is_no_gguf(self):
        self.hub.files[NAME] = b"<html>please log in</html>"
        self.assertIn("looks like a web page", self.refused())
        self.hub.files[NAME] = self.model[:-100]
        self.assertIn("past the end", self.refused())
        self.assertEqual(list(self.path.parent.iterdir()), [])

    def test_what_is_no_hub(self):
        self.hub.listing[REPO] = {"body": b"<html>"}
        self.assertIn("is this a hub?", self.refused())
        self.hub.listing[REPO] = {"body": json.dumps([{"type": "file", "path": "../../x.gguf", "size": 1}]).encode()}
        self.assertIn("holds no GGUF files", self.refused())
        self.hub.listing.clear()
        for raw in [b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", b"HTTP/9.9 1 x\r\n\r\n",
                    b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100000 + b"\r\n\r\n"]:
            self.hub.faults = [{"raw": raw}]
            self.assertIn("is not HTTP", self.refused())

    # ---- responses that are not the file

    def test_what_is_not_there(self):
        self.hub.search = ["org/repo-GGUF", "other/thing"]
        error = self.refused("org/repos")
        self.assertIn("org/repos: the hub does not have it (404)", error)
        self.assertIn("near it: org/repo-GGUF", error)
        self.hub.faults = [{"status": 404}]
        self.assertIn("(404)", self.refused())
        self.assertIn("write ORG/REPO", self.refused("repo"))

    def test_who_may_not(self):
        for status, headers, words in [(401, {}, "set HF_TOKEN"), (403, {}, "accept its terms"),
                                       (401, {"X-Error-Code": "GatedRepo"}, "accept its terms")]:
            self.hub.listing[REPO] = {"status": status, "headers": headers}
            self.assertIn(words, self.refused())
        self.hub.listing[REPO] = {"status": 401}
        self.assertIn("does not accept HF_TOKEN", self.refused(environment={"HF_TOKEN": "abc"}))
        self.hub.listing.clear()
        self.hub.faults = [{"status": 403}]
        self.assertIn("set HF_TOKEN", self.refused())

    def test_the_server_has_too_much_to_do(self):
        self.hub.faults = [{"status": 429, "headers": {"Retry-After": "1"}}, {"status": 500}]
        began = time.monotonic()
        self.pull()
        self.assertGreaterEqual(time.monotonic() - began, 1)
        self.assert_whole()
        self.path.unlink()
        self.hub.faults = [{"status": 429, "headers": {"Retry-After": "4000"}}]
        self.assertIn("it asks to wait for 4000 s", self.refused(retries=5))
        self.hub.always = {"status": 500}
        self.assertIn("the hub answers 500", self.refused())
        self.hub.listing[REPO] = {"status": 503}
        self.assertIn("the hub answers 503", self.refused(retries=1))

    def test_no_network(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.assertIn("is the network up?", self.refused(REPO, "--hub", f"http://127.0.0.1:{port}"))
        self.assertIn("cannot be found", self.refused(REPO, "--hub", "https://hub.invalid"))
        self.assertIn("begins with https://", self.refused(REPO, "--hub", "hub.invalid"))

    # ---- redirects, tokens, certificates

    def test_redirects(self):
        other = self.new_hub(host="127.0.0.2")
        other.files["cdn/x"] = self.model
        self.hub.files["cdn/x"] = self.model
        token = {"HF_TOKEN": "secret"}
        for target, elsewhere in [(f"{other.url}/cdn/x?sig=%2B", True), ("/cdn/x", False), ("../../../../cdn/x", False),
                                  (f"//127.0.0.2:{other.port}/cdn/x", True)]:
            for status in (302, 307):
                self.hub.requests.clear()
                other.requests.clear()
                self.hub.faults = [{"status": status, "headers": {"Location": target}}]
                self.pull(environment=token)
                self.assert_whole()
                self.path.unlink()
                self.assertEqual(self.hub.file_requests()[0].get("authorization"), "Bearer secret")
                last = (other if elsewhere else self.hub).requests[-1]
                self.assertEqual(last[1].get("authorization"), None if elsewhere else "Bearer secret", target)
        self.hub.always = {"status": 302, "headers": {"Location": "/again"}}
        self.assertIn("more than 10 redirects", self.refused())
        for nowhere in ["", "ftp://x/", "http://"]:
            self.hub.always = {"status": 302, "headers": {"Location": nowhere}}
            self.assertIn("redirects to no address", self.refused())

    def test_a_resumed_download_follows_redirects_again(self):
        other = self.new_hub(host="127.0.0.2")
        other.files["cdn/x"] = self.model
        other.faults = [{"stop_after": 100000}]
        self.hub.always = {"status": 302, "headers": {"Location": f"{other.url}/cdn/x"}}
        self.pull()
        self.assert_whole()
        self.assertEqual(other.file_requests()[1]["range"], "bytes=100000-")

    def test_what_the_hub_says_of_the_file_it_points_to(self):
        self.hub.files["cdn/x"] = self.model
        self.hub.faults = [{"status": 302, "headers": {"Location": "/cdn/x", "X-Linked-ETag": '"' + "1" * 64 + '"'}}]
        self.assertIn("has just changed", self.refused())
        link = {"status": 302, "headers": {"Location": f"/{NAME}", "X-Linked-ETag": '"' + "1" * 64 + '"'}}
        self.hub.faults = [link, {}, link, {}]
        self.assertIn("the hub states 1111", self.refused(f"{self.hub.url}/x/{FILE}"))

    def test_a_token_is_not_sent_where_others_can_read_it(self):
        self.assertIn("unencrypted", self.refused(REPO, "--hub", "http://hub.invalid", environment={"HF_TOKEN": "abc"}))
        self.assertIn("holds a character", self.refused(environment={"HF_TOKEN": "a\r\nX: b"}))
        other = self.new_hub()
        other.files["x/a.gguf"] = self.model
        self.pull(f"{other.url}/x/a.gguf", environment={"HF_TOKEN": "secret"})
        self.assertTrue(all("authorization" not in headers for headers in other.file_requests()))

    def test_https(self):
        key, certificate = self.home / "key.pem", self.home / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        secure = self.new_hub(certificate=(certificate, key))
        secure.files[NAME] = self.model
        trust = {"SSL_CERT_FILE": str(certificate)}
        self.assertIn("its certificate is not trusted", self.refused(REPO, "--hub", secure.url))
        wrong_name = f"https://localhost:{secure.port}"
        self.assertIn("certificate", self.refused(REPO, "--hub", wrong_name, environment=trust))
        secure.faults = [{"status": 302, "headers": {"Location": f"{self.hub.url}/{NAME}"}}]
        self.assertIn("from https to http", self.refused(REPO, "--hub", secure.url, environment=trust))
        secure.faults = [{"stop_after": 100000}]
        self.pull(REPO, "--hub", secure.url, environment=trust)
        self.assert_whole()

    # ---- the disk

    def test_no_space(self):
        self.hub.stated[NAME] = {"size": 1 << 60}
        self.assertIn("1.00 EiB are needed on this disk and", self.refused())
        self.hub.requests.clear()
        self.hub.stated[NAME] = {"size": (1 << 64) - 1}
        self.assertIn("are needed on this disk", self.refused())
        self.assertEqual(self.hub.file_requests(), [])

    def test_a_disk_that_takes_no_more(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        self.assertIn("cannot write", self.refused(preexec_fn=limit))
        self.assertEqual(self.part.read_bytes(), self.model[:200000])
        self.pull()
        self.assert_whole()

    def test_a_folder_that_is_none(self):
        (self.home / "file").write_text("")
        self.assertIn("cannot create this folder", self.refused(REPO, "--models", self.home / "file"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
