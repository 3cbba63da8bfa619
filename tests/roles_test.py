"""Owners, members, workers and guests; certificates that renew themselves; the way back when all owners are lost.
Arguments: as in nodes.py."""
import datetime
import struct
import subprocess
import sys
import unittest

from nodes import EXOGPU, MODEL, Cluster
from harness.link import GENERATE, Link, encoded
from harness.waiting import WAIT_S, until


def command(*arguments, given=None):
    done = subprocess.run([EXOGPU, *map(str, arguments)], input=given, capture_output=True, text=True, timeout=WAIT_S)
    return done.returncode, done.stdout + done.stderr


class Roles(Cluster):
    def join(self, name, owner, role):
        return self.node(name, "--join", f"127.0.0.1:{owner.link}", "--token", owner.token("--role", role))

    def role(self, node, name):
        return {each["name"]: each["role"] for each in (node.get("/v1/cluster") or {"nodes": []})["nodes"]}.get(name)

    def devices(self, node, name):
        return {each["name"]: each["devices"] for each in node.cluster()["nodes"]}[name]

    def give(self, asked, name, role):
        return command("role", name, role, "--api", f"127.0.0.1:{asked.api}")

    def audited(self, node):
        return command("audit", "--api", f"127.0.0.1:{node.api}")[1]

    def test_each_does_what_its_role_allows(self):
        a = self.node("a", MODEL)
        b, c, d = self.join("b", a, "worker"), self.join("c", a, "guest"), self.join("d", a, "member")
        for node in a, b, c, d:
            for name, role in zip("abcd", ("owner", "worker", "guest", "member")):
                until(f"{node.name} knows the role of {name}", lambda: self.role(node, name) == role)
        a.waits_to_serve()
        key = command("keys", "add", "laptop", "--api", f"127.0.0.1:{d.api}")
        self.assertEqual(key[0], 0, key[1])
        until("the owner knows the key", lambda: "laptop" in str(a.get("/v1/keys")))

        # A worker takes no requests and knows no keys.
        status, message = b.complete_fails()
        self.assertEqual(status, 403, message)
        self.assertIn("is a worker of its cluster", message)
        self.assertEqual(b.get("/v1/keys"), {"keys": []})
        self.assertFalse((b.folder / "state/access-keys.json").exists())
        self.assertTrue(self.devices(a, "b"))

        # A guest asks, and no plan has its devices.
        until("the guest can ask", lambda: c.request("POST", "/v1/completions", {"prompt": "x", "max_tokens": 1})[0] == 200)
        self.assertEqual(self.devices(a, "c"), [])
        self.assertEqual(c.request("POST", "/v1/models/load", {"model": "x"})[0], 403)
        self.assertEqual(c.cluster()["weights"]["received_bytes"] < 1_000_000, True)

        # Owners alone let others in and give roles.
        for node in b, c, d:
            self.assertFalse((node.folder / "state/identity/authority.key").exists())
            self.assertIn("is no owner of its cluster", command("token", "--state", node.folder / "state")[1])
        status, output = self.give(d, "c", "member")
        self.assertEqual(status, 1)
        self.assertIn("is no owner of its cluster", output)
        self.assertIn("is the only owner", self.give(a, "a", "member")[1])

        # A member that becomes a worker forgets the keys; one that becomes an owner gets the authority's key.
        self.assertEqual(self.give(a, "d", "worker")[0], 0)
        until("d has no keys any more", lambda: d.get("/v1/keys") == {"keys": []})
        self.assertEqual(self.give(a, "b", "owner")[0], 0)
        until("b has the keys", lambda: "laptop" in str(b.get("/v1/keys")))
        until("b has the authority's key", lambda: (b.folder / "state/identity/authority.key").exists())
        self.join("e", b, "guest")
        until("a knows the node that b let in", lambda: self.role(a, "e") == "guest")

    def starts_a_group(self, asked, by, node):
        """By hand, as this node, whose process is stopped; the answer."""
        info = encoded([(1, 2, encoded([(1, 2, node), (2, 2, b"x")]))])
        start = encoded([(1, 1, bytes(8)), (2, 0, 1), (3, 2, info), (3, 2, info), (4, 2, b"cpu")])
        hello = encoded([(1, 2, start)])
        link = Link(asked.link, by.folder / "state", "exogpu-member")
        self.addCleanup(link.close)
        message = 2  # the kind of a frame
        link.raw(struct.pack("<4I", 0, 0, len(hello), message) + hello)
        _, _, size, _ = struct.unpack("<4I", link.exactly(16))
        return link.exactly(size).decode(errors="replace")

    def test_a_worker_that_asks_all_the_same_is_refused_and_named(self):
        a = self.node("a", MODEL)
        token = a.token("--role", "worker")
        b = self.node("b", "--join", f"127.0.0.1:{a.link}", "--token", token)
        until("a knows b", lambda: self.role(a, "b") == "worker")
        for _ in range(3):
            with self.assertRaises(AssertionError):  # it is good for one device
                self.node("c", "--join", f"127.0.0.1:{a.link}", "--token", token)
        node = bytes.fromhex(next(each["id"] for each in a.cluster()["nodes"] if each["name"] == "b"))
        b.stop()
        until("b is gone", lambda: "node b is offline" in a.said())
        link = Link(a.link, b.folder / "state")
        self.addCleanup(link.close)
        link.greet(node)
        link.send(GENERATE, b"\xff")
        link.settle()
        self.assertIn("a worker has no others compute for it", self.starts_a_group(a, b, node))
        a.stop()  # which writes what was counted
        a.restart()
        self.assertIn("message 66: not for a worker", self.audited(a))
        self.assertIn("member of a group: not for a worker", self.audited(a))
        self.assertRegex(self.audited(a), r"a join token .* refused +3 requests  join: ")
        self.assertIn("is whole", command("audit", "verify", "--api", f"127.0.0.1:{a.api}")[1])

    def test_a_member_recovers_the_cluster_whose_owner_is_lost(self):
        a = self.node("a", MODEL)
        b = self.join("b", a, "member")
        until("a knows b", lambda: self.role(a, "b") == "member")
        status, phrase = command("recovery", "--state", a.folder / "state")
        self.assertEqual(status, 0, phrase)
        phrase = phrase.splitlines()[0]
        self.assertEqual(command("recovery", "--state", b.folder / "state")[0], 1)
        a.kill()
        state = ["--state", b.folder / "state"]
        self.assertIn("stop it first", command("recover", *state, given=phrase)[1])
        b.stop()
        self.assertIn("mistyped", command("recover", *state, given=phrase.replace("-", "").swapcase()[::-1])[1])
        status, output = command("recover", *state, given=phrase.lower())
        self.assertEqual(status, 0, output)
        b.restart()
        until("b is an owner", lambda: self.role(b, "b") == "owner")
        c = self.join("c", b, "member")
        a.restart()
        until("the old owner hears of it", lambda: self.role(a, "b") == "owner" and self.role(a, "c") == "member")
        until("c knows both", lambda: self.role(c, "a") == self.role(c, "b") == "owner")

    def test_a_cluster_of_an_older_version_gets_roles_when_it_is_told_to(self):
        a = self.node("a", MODEL)
        a.stop()
        (a.folder / "state/identity/roles").unlink()  # as older versions found clusters
        a.restart()
        b = self.node("b", "--join", f"127.0.0.1:{a.link}", "--token", a.token())
        until("a knows b", lambda: self.role(a, "b") == "owner")
        self.assertTrue((b.folder / "state/identity/authority.key").exists(), "as in older versions")
        self.assertIn("has no roles", self.give(a, "b", "worker")[1])
        upgrade = ["roles", "upgrade", "--api", f"127.0.0.1:{a.api}"]
        self.assertIn("nothing was changed", command(*upgrade, given="n\n")[1])
        self.assertEqual(command(*upgrade, given="y\n")[0], 0)
        until("b is a member", lambda: self.role(b, "b") == self.role(a, "b") == "member" and self.role(b, "a") == "owner")
        until("b has no key any more", lambda: not (b.folder / "state/identity/authority.key").exists())

    def test_certificates_are_short_and_renew_themselves(self):
        a = self.node("a", MODEL)
        b = self.join("b", a, "member")
        until("a knows b", lambda: self.role(a, "b") == "member")
        b.stop()
        now = datetime.datetime.now(datetime.timezone.utc)
        founder, own = a.folder / "state/identity", b.folder / "state/identity/node.crt"
        for days in ((-300, -3), (-300, 3000)):  # away for too long; of an older version
            begin, end = (f"{now + datetime.timedelta(days=each):%Y%m%d%H%M%SZ}" for each in days)
            done = subprocess.run(["openssl", "x509", "-in", own, "-CA", founder / "authority.crt", "-CAkey",
                                   founder / "authority.key", "-not_before", begin, "-not_after", end],
                                  check=True, capture_output=True, text=True)
            own.write_text(done.stdout)
            b.restart()
            until("b is there again", lambda: "b" in [each["name"] for each in a.cluster()["nodes"] if each["online"]])

            def valid_for(days):
                ends = ["openssl", "x509", "-in", own, "-noout", "-checkend", str(days * 86400)]
                return subprocess.run(ends, capture_output=True).returncode == 0
            until("it has a new certificate", lambda: valid_for(20) and not valid_for(31))
            b.stop()
        self.assertIn("certificate.renewed", self.audited(a))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
