"""exogpu doctor, with each cause that it can name: firewalls, addresses, clocks, ports, clusters.

usage: doctor_test.py EXOGPU MODEL EXOGPU_OF_ANOTHER_VERSION

On hosts of their own (network namespaces); that needs root, and nft for the firewalls. Where the machine allows none, it
says so, and what its loopback allows is tried there.
"""
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

from harness import cases, hosts
from harness.hosts import WAIT_S, Device, until

EXOGPU, MODEL, ANOTHER_VERSION = sys.argv[1:4]
SEPARATE = hosts.available()
FIREWALL = SEPARATE and hosts.has_firewall()


def findings_of(output):
    report = json.loads(output)
    assert report["healthy"] == all(one["level"] != "problem" for one in report["findings"])
    return report["findings"]


def resign(identity, name, begin, end, authority=None):
    """Issues a certificate of an identity's folder again, valid between two times, with the founder's key."""
    authority = authority or identity
    by = (["-signkey", authority / "authority.key"] if name == "authority"
          else ["-CA", authority / "authority.crt", "-CAkey", authority / "authority.key"])
    done = identity / "new.crt"
    subprocess.run(["openssl", "x509", "-in", identity / f"{name}.crt", *by, "-out", done,
                    "-not_before", f"{begin:%Y%m%d%H%M%SZ}", "-not_after", f"{end:%Y%m%d%H%M%SZ}"],
                   check=True, capture_output=True)
    done.chmod(0o600)
    done.rename(identity / f"{name}.crt")


NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


class Doctor(unittest.TestCase):
    def says(self, device, level, check, words, *arguments):
        """Asserts that some finding has this level and check, and matches these words."""
        for _ in range(3):  # on a busy machine, an announcement may come too late
            status, output = device.ends("doctor", "--json", *arguments, errors=subprocess.DEVNULL)
            findings = findings_of(output)
            found = [one for one in findings if one["level"] == level and one["check"] == check
                     and re.search(words, one["what"] + " -> " + one["remedy"])]
            if found:
                break
        self.assertTrue(found, f"{level} {check} {words!r} is not in {json.dumps(findings, indent=1)}")
        if level == "problem":
            self.assertTrue(all(one["remedy"] for one in findings if one["level"] == "problem"), findings)
        self.assertEqual(status, 1 if any(one["level"] == "problem" for one in findings) else 0)
        return findings


@unittest.skipUnless(SEPARATE, "this machine allows no network namespaces")
class OnHosts(Doctor):
    @classmethod
    def setUpClass(cls):
        """Two devices of one cluster. Each test undoes its changes."""
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.network = hosts.Network(3)
        cls.addClassCleanup(cls.network.close)
        cls.devices = [Device(cls.network, host, cls.directory.name, EXOGPU) for host in cls.network.hosts]
        cls.addClassCleanup(lambda: [device.stop(signal.SIGKILL) for device in cls.devices])
        a, b, _ = cls.devices
        a.serve(MODEL, "-c", "512")
        cls.until_it_listens(a)
        shows = a.run("pair", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        code = shows.stdout.readline().removeprefix("Code: ").replace(" ", "").strip()
        status, output = b.ends("join", code)
        assert status == 0, output
        shows.wait(WAIT_S)
        shows.stdout.close()
        b.serve()
        cls.until_it_listens(b)

    @staticmethod
    def until_it_listens(device, times=1):
        until(lambda: f"{device.name} listens; it said {device.said()}",
              lambda: device.said().count("listens on port") >= times)

    def restart(self, device, *arguments):
        device.stop()
        before = device.said().count("listens on port")
        device.serve(*arguments)
        self.until_it_listens(device, before + 1)

    def test_a_healthy_pair_has_nothing_to_report(self):
        a, b, _ = self.devices
        for device, other in ((a, "host2"), (b, "host1")):
            status, output = device.ends("doctor")
            self.assertEqual(status, 0, output)
            self.assertIn("No problems found", output)
            self.assertRegex(output, rf"ok +other +{other} \(10\.77\.0\..* port 7766\): of this cluster, answers")
            self.assertRegex(output, r"ok +interface +eth0: 10\.77\.0\..*carries multicast")
            self.assertRegex(output, r"ok +mdns +eth0 over IPv4")
            self.assertRegex(output, r"ok +mdns +eth0 over IPv6")
            self.assertRegex(output, rf"ok +node +{device.name} runs on this device")
        self.says(a, "ok", "others", "also found by itself", "10.77.0.2")
        self.says(a, "ok", "other", "this device's own node", "10.77.0.1")
        self.assertIn("only examined it", a.said())

    def test_a_device_that_belongs_to_no_cluster(self):
        c = self.devices[2]
        self.says(c, "problem", "identity", "belongs to no cluster.*exogpu join")
        self.says(c, "note", "other", "host1 .*a node of the cluster .*`exogpu approve CODE` on host1")

    def test_another_cluster(self):
        c = self.devices[2]
        c.serve(MODEL, "-c", "512")
        self.addCleanup(c.stop)
        self.until_it_listens(c)
        self.says(c, "problem", "other", "host1 .*of another cluster.*`exogpu join` here")
        self.says(c, "problem", "others", "no other node of this device's cluster")
        self.says(c, "problem", "other", "of another cluster", "10.77.0.1")
        # Nodes that find each other do not report a problem about an unrelated neighbour.
        self.says(self.devices[0], "note", "other", "host3 .*of another cluster")

    def test_another_version(self):
        a, b, _ = self.devices
        b.stop()
        b.exogpu = ANOTHER_VERSION
        self.addCleanup(self.restart, b)
        self.addCleanup(setattr, b, "exogpu", EXOGPU)
        b.serve()
        self.until_it_listens(b, 2)
        words = r"protocols? .*900.*no protocol in common.*install the same version of exogpu on both"
        self.says(a, "problem", "other", "host2 .*" + words)
        self.says(b, "problem", "other", "host1 .*" + words)
        # The same is in the log, without running the doctor.
        until("the node says so", lambda: "no protocol in common" in b.said())

    def test_a_copied_disk(self):
        a, b, c = self.devices
        shutil.copytree(b.state, c.state)
        self.addCleanup(shutil.rmtree, c.state)
        self.says(c, "problem", "other", "host2 .*it has this device's identity.*exogpu join")
        self.says(c, "problem", "other", "it has this device's identity", "10.77.0.2")
        status, output = c.ends("serve", "--state", c.state, "-d", "cpu", "-t", "1")
        self.assertEqual(status, 1, output)
        until("a says so", lambda: "another process has the identity of node host2 and was refused" in a.said())

    def test_nothing_runs(self):
        a, b, _ = self.devices
        b.stop()
        self.addCleanup(self.restart, b)
        self.says(b, "problem", "node", "no node runs on this device.*exogpu serve")
        self.says(a, "problem", "others", "no other node is seen")
        self.says(a, "problem", "other", "nothing listens at this port", "10.77.0.2")

    def test_a_port_that_another_program_has(self):
        b = self.devices[1]
        b.stop()
        self.addCleanup(self.restart, b)
        taken = self.network.on(2, lambda: socket.create_server(("", 7766)))
        self.addCleanup(taken.close)
        self.says(b, "problem", "port", "port 7766 is in use.*--listen :7767")

    def test_a_program_that_is_no_node(self):
        a, b, _ = self.devices
        self.says(b, "problem", "other", "does not speak TLS.*7766", "10.77.0.1:8080")

    def test_a_node_that_does_not_show_itself(self):
        a, b, _ = self.devices
        self.addCleanup(self.restart, b)
        self.restart(b, "--no-discovery", "--join", "10.77.0.1")
        self.says(b, "problem", "node", "does not show itself.*--no-discovery")
        self.says(a, "note", "others", "reached, but not found by itself.*--join 10.77.0.2", "10.77.0.2")

    def test_no_multicast(self):
        b = self.devices[1]
        self.network.ip(2, "link", "set", "eth0", "multicast", "off")
        self.addCleanup(self.network.ip, 2, "link", "set", "eth0", "multicast", "on")
        self.says(b, "problem", "interface", "eth0.*multicast.*ip link set eth0 multicast on")

    def test_no_address_no_cable_no_interface(self):
        b = self.devices[1]
        self.addCleanup(self.restart, b)

        def addresses(do):
            for address in ("10.77.0.2/24", "fd77::2/64", "fe80::2/64"):
                self.network.ip(2, "addr", do, address, "dev", "eth0", *(["nodad"] if do == "add" else []))

        addresses("del")
        self.says(b, "problem", "interface", "eth0: has no address")
        addresses("add")
        self.network.pull_cable(2)
        self.says(b, "note", "interface", "eth0: is not connected")
        self.says(b, "problem", "interface", "in no network.*cable")
        self.network.plug_cable(2)
        self.network.ip(2, "link", "set", "eth0", "down")
        self.says(b, "problem", "interface", "in no network.*eth0")
        self.network.ip(2, "link", "set", "eth0", "up")
        for address in ("fd77::2/64", "fe80::2/64"):  # removed with the interface
            self.network.ip(2, "addr", "add", address, "dev", "eth0", "nodad")

    def test_an_address_of_another_network(self):
        b = self.devices[1]
        self.says(b, "problem", "other", "in no network of this device.*this device has 10.77.0.2", "10.78.0.1")
        self.says(b, "problem", "other", "no device answers|nothing comes back", "10.77.0.200")
        self.says(b, "problem", "address", "this name is not known", "no-such-device.invalid")

    @unittest.skipUnless(FIREWALL, "no nft here")
    def test_a_firewall_that_drops_mdns(self):
        a, b, _ = self.devices
        self.network.firewall(2, "udp dport 5353 drop")
        self.addCleanup(self.network.no_firewall, 2)
        findings = self.says(b, "problem", "mdns", "eth0 over IPv4: .*does not come back.*5353")
        self.assertTrue(any("eth0 over IPv6" in one["what"] and one["level"] == "problem" for one in findings))
        self.says(b, "problem", "others", "no other node is seen.*exogpu doctor HOST")
        self.says(b, "note", "others", "reached, but not found by itself", "10.77.0.1")
        self.network.no_firewall(2)
        self.network.firewall(2, "udp dport 5353 drop", "output")
        self.says(b, "problem", "mdns", "does not let itself send|does not come back")

    @unittest.skipUnless(FIREWALL, "no nft here")
    def test_a_firewall_before_the_link_port(self):
        a, b, _ = self.devices
        self.addCleanup(self.network.no_firewall, 2)
        self.network.firewall(2, "tcp dport 7766 drop")
        self.says(a, "problem", "other", "host2 .*drops connections.*ufw allow 7766/tcp")
        self.says(a, "problem", "other", "drops connections.*ufw allow 7766/tcp", "10.77.0.2")
        self.network.no_firewall(2)
        self.network.firewall(2, "tcp dport 7766 reject with icmpx type admin-prohibited")
        self.says(a, "problem", "other", "firewall there rejects", "10.77.0.2")
        self.network.no_firewall(2)
        self.network.firewall(2, "tcp dport 7766 reject with tcp reset")
        self.says(a, "problem", "other", "nothing listens.*firewall", "10.77.0.2")
        self.network.no_firewall(2)
        self.network.firewall(2, "tcp dport 7766 drop", "output")
        self.says(b, "problem", "other", "nothing comes back|does not let itself", "10.77.0.1")

    def test_a_program_that_keeps_mdns_for_itself(self):
        c = self.devices[2]

        def take():
            sockets = []
            for family, address in ((socket.AF_INET, ""), (socket.AF_INET6, "::")):
                taken = socket.socket(family, socket.SOCK_DGRAM)
                if family == socket.AF_INET6:
                    taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                taken.bind((address, 5353))
                sockets.append(taken)
            return sockets

        for taken in self.network.on(3, take):
            self.addCleanup(taken.close)
        self.says(c, "problem", "mdns", "5353 is taken by a program that does not share it.*ss -ulpn")

    def test_clocks(self):
        a, b, _ = self.devices
        identity, founder = b.state / "identity", a.state / "identity"
        original = (identity / "node.crt").read_bytes(), (identity / "authority.crt").read_bytes()

        def put_back():
            (identity / "node.crt").write_bytes(original[0])
            (identity / "authority.crt").write_bytes(original[1])
            self.restart(b)

        self.addCleanup(put_back)
        # As if the clocks showed a time before it joined.
        resign(identity, "node", NOW + 3 * DAY, NOW + 300 * DAY, founder)
        self.restart(b)
        self.says(b, "problem", "clock", "begins to be valid at.*clock is wrong")
        self.says(a, "problem", "other", "host2 .*begins to be valid at.*this device's clock says")
        self.says(b, "problem", "other", "host1 .*the certificate of node .* is valid from.*clock is probably wrong")
        until("a says so, too", lambda: re.search(r"certificate of node .* The clock of node .* says .* that of node .* says",
                                                  a.said()))
        # As if it had been away for longer than its certificate was valid.
        resign(identity, "node", NOW - 300 * DAY, NOW - 3 * DAY, founder)
        self.restart(b)
        self.says(b, "ok", "clock", "within what the certificate allows")
        self.says(b, "ok", "other", "host1 .*of this cluster, answers")


class OnLoopback(Doctor):
    """Checks that need no other host."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.state = pathlib.Path(self.directory.name) / "state"

    def ends(self, *arguments, errors=subprocess.STDOUT):
        done = subprocess.run([EXOGPU, *arguments, "--state", self.state], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=errors, timeout=WAIT_S)
        return done.returncode, done.stdout

    def test_a_node_and_what_is_none(self):
        self.says(self, "note", "identity", "belongs to no cluster", "127.0.0.1:1")
        node = subprocess.Popen([EXOGPU, "serve", MODEL, "-d", "cpu", "-t", "1", "-c", "256", "--no-api",
                                 "--no-discovery", "--listen", "127.0.0.1:0", "--state", self.state, "--cache",
                                 self.state.parent / "cache"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                text=True)
        self.addCleanup(node.stdout.close)
        self.addCleanup(node.wait, WAIT_S)
        self.addCleanup(node.terminate)
        port = re.search(r"listens on port (\d+)", node.stdout.readline())[1]
        self.says(self, "ok", "other", "this device's own node", f"127.0.0.1:{port}")
        copied = self.state.parent / "copied"
        shutil.copytree(self.state, copied)
        self.state = copied
        self.says(self, "problem", "other", "it has this device's identity.*copied.*exogpu join", f"127.0.0.1:{port}")
        other = self.state.parent / "other"
        done = subprocess.run([EXOGPU, "token", "--state", other], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0)
        self.state = other
        self.says(self, "problem", "other", "of another cluster", f"127.0.0.1:{port}")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            self.says(self, "problem", "other", "did not finish the handshake",
                      f"127.0.0.1:{silent.getsockname()[1]}")

    def test_what_is_asked_wrongly(self):
        for arguments, words in ((["a:b:c"], "HOST"), (["host:0"], "port"), (["--port", "0"], "port")):
            status, output = self.ends("doctor", *arguments)
            self.assertNotEqual(status, 0)
            self.assertIn(words, output)

    def test_an_identity_that_is_broken(self):
        (self.state / "identity").mkdir(parents=True)
        self.state.chmod(0o700)
        (self.state / "identity" / "node.key").write_text("rubbish")
        (self.state / "identity" / "node.key").chmod(0o600)
        self.says(self, "problem", "identity", "node.key", "127.0.0.1:1")


if __name__ == "__main__":
    if not SEPARATE:
        print("this machine allows no network namespaces: on its loopback alone")
    elif not FIREWALL:
        print("nft cannot be used here: no firewalls are tried")
    cases.run(sys.argv[4:])
