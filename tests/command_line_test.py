"""The program at the command line: output that cannot be written, terminals that close, words that people type.

Called with EXOGPU TINY_MODEL.
"""
import json
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from harness.caches import cache_home
from harness.ports import free_port
from harness.waiting import WAIT_S, until

EXOGPU, TINY_MODEL = sys.argv[1:3]


class CommandLine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.directory.name)
        cls.model = cls.folder / "models" / "tiny.gguf"
        cls.model.parent.mkdir()
        subprocess.run([TINY_MODEL, "llama", cls.model], check=True, capture_output=True, timeout=60)
        cls.environment = {**os.environ, "XDG_CACHE_HOME": cache_home(cls.folder / "cache"),
                           "XDG_STATE_HOME": str(cls.folder / "state"), "EXOGPU_MODELS": str(cls.model.parent)}

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def run_it(self, *arguments, **how):
        how = {"capture_output": True, "stdin": subprocess.DEVNULL, **how}
        if "stdout" in how or "stderr" in how:
            del how["capture_output"]
            how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
        if "input" in how:
            del how["stdin"]
        return subprocess.run([EXOGPU, *map(str, arguments)], text=True, timeout=WAIT_S, env=self.environment, **how)

    def serve(self, *arguments, **how):
        command = [EXOGPU, "serve", self.model, "--state", self.folder / "serve", "--listen", "127.0.0.1:0",
                   "--no-discovery", "-d", "cpu", "-t", 1, *arguments]
        process = subprocess.Popen([*map(str, command)], text=True, env=self.environment, **how)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process


class Output(CommandLine):
    def each_command(self):
        return [["--help"], ["--version"], ["run", "--help"], ["devices"], ["devices", "--json"], ["models"],
                ["inspect", self.model], ["inspect", self.model, "--json"], ["tokenize", self.model],
                ["plan", self.model, "-c", 64], ["bench", self.model, "-p", 4, "-n", 4, "-r", 1, "-d", "cpu", "-t", 1],
                ["check", self.model, "-n", 4, "-d", "cpu", "-t", 1],
                ["eval", self.model, "-n", 4, "-o", self.folder / "logits", "-d", "cpu"],
                ["run", self.model, "--raw", "-p", "a", "-n", 4, "-d", "cpu", "-c", 64],
                ["token", "--state", self.folder / "founded"], ["doctor", "--state", self.folder / "doctor", "--json"]]

    def test_a_full_disk_fails_every_command(self):
        for arguments in self.each_command():
            with self.subTest(arguments=arguments), open("/dev/full", "w") as full:
                done = self.run_it(*arguments, stdout=full)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("cannot write to standard output: No space left on device", done.stderr)

    def test_a_reader_that_ends_early_is_an_error_and_no_death(self):
        for arguments in self.each_command():
            with self.subTest(arguments=arguments):
                reads, writes = os.pipe()
                os.close(reads)
                try:
                    done = self.run_it(*arguments, stdout=writes)
                finally:
                    os.close(writes)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("cannot write to standard output: Broken pipe", done.stderr)

    def test_a_closed_standard_output_is_an_error(self):
        done = subprocess.run(["sh", "-c", f"exec '{EXOGPU}' devices >&-"], stderr=subprocess.PIPE, text=True,
                              timeout=WAIT_S, env=self.environment)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write to standard output", done.stderr)

    def test_nothing_is_generated_for_nobody(self):
        begun = time.monotonic()
        with open("/dev/full", "w") as full:
            done = self.run_it("run", self.model, "--raw", "-p", "a", "-n", 1_000_000, "-c", 1_000_000, "--ignore-end",
                               "-d", "cpu", stdout=full)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("cannot write to standard output", done.stderr)
        self.assertLess(time.monotonic() - begun, WAIT_S / 2)

    def test_a_server_lives_on_without_its_output(self):
        port = free_port()
        reads, writes = os.pipe()
        os.close(reads)
        try:
            process = self.serve("--api", f"127.0.0.1:{port}", stdout=writes, stderr=writes)
        finally:
            os.close(writes)
        until("it serves", lambda: self.run_it("status", "--api", f"127.0.0.1:{port}").stdout.startswith("Serving"))
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(WAIT_S), 0)

    def test_a_server_lives_without_standard_streams(self):
        port = free_port()
        process = self.serve("--api", f"127.0.0.1:{port}", preexec_fn=lambda: [os.close(fd) for fd in (0, 1, 2)])
        until("it serves", lambda: self.run_it("status", "--api", f"127.0.0.1:{port}").stdout.startswith("Serving"))
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(WAIT_S), 0)


class Terminal(CommandLine):
    def on_terminal(self, *arguments, ignored=()):
        process, terminal = pty.fork()
        if process == 0:
            for which in ignored:
                signal.signal(which, signal.SIG_IGN)
            os.execve(EXOGPU, [EXOGPU, *map(str, arguments)], self.environment)
        return process, terminal

    def read_until(self, terminal, words):
        output, end = b"", time.monotonic() + WAIT_S
        while words not in output:
            if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
                self.fail(f"no {words} in {output}")
            output += os.read(terminal, 4096)

    def ends(self, process):
        try:
            until("it ends", lambda: os.waitpid(process, os.WNOHANG)[0] == process, 10)
        except AssertionError:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            raise

    def test_a_chat_ends_with_its_terminal(self):
        for ignored in (), (signal.SIGHUP,):
            process, terminal = self.on_terminal("run", self.model, "-c", 64, "-d", "cpu", ignored=ignored)
            self.read_until(terminal, b"> ")
            os.close(terminal)
            self.ends(process)

    def test_an_answer_ends_with_its_terminal(self):
        process, terminal = self.on_terminal("run", self.model, "--raw", "-p", "a", "-n", 1_000_000, "-c", 1_000_000,
                                             "--ignore-end", "-d", "cpu", ignored=(signal.SIGHUP,))
        self.read_until(terminal, b"a")
        os.close(terminal)
        self.ends(process)

    def test_a_server_ends_with_its_terminal(self):
        process, terminal = self.on_terminal("serve", self.model, "--state", self.folder / "terminal", "--listen",
                                             "127.0.0.1:0", "--api", "127.0.0.1:0", "--no-discovery", "-d", "cpu")
        self.read_until(terminal, b"listens on port")
        os.close(terminal)
        self.ends(process)


class Words(CommandLine):
    """Commands as people type them; the whole table is in src/cli/arguments/arguments_test.cpp."""

    def test_each_gets_what_was_meant_or_the_right_word(self):
        for arguments, status, words in (
                ([], 2, "Usage: exogpu"), (["help"], 0, "Usage: exogpu"), (["help", "run"], 0, "--max-tokens"),
                (["list"], 0, "tiny"), (["ls", "--json"], 0, "tiny"), (["ps", "--api", "127.0.0.1:1"], 1, "is a node running"),
                (["chat", self.model, "-c", 64, "-d", "cpu"], 0, ""), ([self.model, "-c", 64, "-d", "cpu"], 0, ""),
                (["tiny", "-c", 64, "-d", "cpu"], 0, ""), (["modles"], 2, "did you mean models?"),
                (["run", self.model, "-ngl", 99], 2, "no option -ngl"),
                (["run", self.model, "-ngl", 99], 2, "`exogpu run --help`"),
                (["inspect", self.model, "--memory", "8XB"], 2, '"8XB" is not a size, such as 8GiB'),
                (["models", "remove", "none"], 1, "none: no such model"),
                (["serve", self.model, "--layers", "cpu"], 1, "--layers cpu: write DEVICE:FIRST-LAST"),
                (["run", self.model, "--raw", "-p", "a", "--temperature", -1, "-d", "cpu"], 1, "a finite number from 0 on"),
                (["run", self.model, "-n", "gl"], 2, '--max-tokens: "gl" is not a whole number'),
                (["run", self.model, "--raw", "-p", "a", "--temp", 0, "--max-tokens", 1, "-c", 64, "-d", "cpu"], 0, ""),
                (["run", self.model, "-p", "a", "-d", "vulkan77"], 1, "it has: ")):
            with self.subTest(arguments=arguments):
                done = self.run_it(*arguments)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertIn(words, done.stdout + done.stderr)

    def test_folders_that_cannot_be_used(self):
        for state in (self.model, self.model / "below", pathlib.Path("/proc/none")):
            for command in (["serve", self.model], ["join"], ["token"]):
                with self.subTest(command=command, state=state):
                    done = self.run_it(*command, "--state", state)
                    self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
                    self.assertIn(str(state), done.stderr)
                    self.assertNotIn("no such file", done.stderr)

    @unittest.skipIf(os.geteuid() != 0, "needs root, to become somebody else")
    def test_a_state_folder_of_somebody_else_is_explained(self):
        nobody = 65534
        for folder in (self.folder, self.folder / "models"):
            folder.chmod(0o755)
        state = self.folder / "others"
        self.assertEqual(self.run_it("token", "--state", state).returncode, 0)
        for command in (["serve", self.model], ["join"], ["token"]):
            with self.subTest(command=command):
                done = self.run_it(*command, "--state", state, user=nobody)
                self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
                self.assertIn(str(state), done.stderr)
                self.assertIn("--state DIR", done.stderr)

    def test_files_that_are_no_models(self):
        empty, text, folder = (self.folder / name for name in ("empty.gguf", "text.gguf", "folder"))
        empty.touch()
        text.write_text("This is no model.\n" * 100)
        folder.mkdir()
        for command in ("run", "inspect", "tokenize", "plan", "bench", "serve"):
            for file in (self.folder / "missing.gguf", empty, text, folder):
                with self.subTest(command=command, file=file.name):
                    done = self.run_it(command, file)
                    self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
                    self.assertIn(file.name, done.stderr)

    def test_host_and_port_are_the_address_of_the_api(self):
        port = free_port()
        process = self.serve("--host", "0.0.0.0", "--port", port, "--no-auth", stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.assertRegex(process.stdout.readline(), rf"the API is at http://localhost:{port}/v1")


def loader_of(program):
    """The dynamic loader that the program names (ELF's PT_INTERP)."""
    with open(program, "rb") as file:
        header = file.read(64)
        (offset,), (size, count) = struct.unpack_from("<Q", header, 32), struct.unpack_from("<HH", header, 54)
        for index in range(count):
            file.seek(offset + index * size)
            entry = file.read(size)
            if struct.unpack_from("<I", entry)[0] == 3:
                (position,), (length,) = struct.unpack_from("<Q", entry, 8), struct.unpack_from("<Q", entry, 32)
                file.seek(position)
                return file.read(length).rstrip(b"\0").decode()
    return None


class Loader(CommandLine):
    """A bundle runs the program with a dynamic loader of its own; /proc/self/exe is the loader then."""

    def test_layouts_are_checked_by_the_same_program(self):
        loader = loader_of(EXOGPU)
        self.assertIsNotNone(loader)
        cache = self.folder / "cache-of-loader"
        command = [loader, "--library-path", os.environ.get("LD_LIBRARY_PATH", "/nowhere"), EXOGPU, "bench", self.model,
                   "-p", "4", "-n", "4", "-r", "1", "-d", "cpu", "-t", "1"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, stdin=subprocess.DEVNULL,
                              env={**self.environment, "XDG_CACHE_HOME": str(cache)})
        self.assertEqual(done.returncode, 0, done.stderr)
        (device,) = json.loads((cache / "exogpu" / "layouts.json").read_text())["devices"].values()
        states = {verdict["state"] for verdict in device["verdicts"].values()}
        self.assertIn("right", states)


class Streaming(CommandLine):
    """A model with less memory for weights than it has."""

    def setUp(self):
        self.twelve = self.folder / "twelve.gguf"
        subprocess.run([TINY_MODEL, "llama", self.twelve, "--layers", "12"], check=True, capture_output=True, timeout=60)
        self.half = f"{self.twelve.stat().st_size // 2}B"

    def test_the_same_text_and_a_bound(self):
        run = ["run", self.twelve, "--raw", "-p", "once upon", "-n", 12, "--temperature", 0, "-d", "cpu", "-c", 256]
        whole, streamed = self.run_it(*run), self.run_it(*run, "--memory-max", self.half)
        self.assertEqual((whole.returncode, streamed.returncode), (0, 0), streamed.stderr)
        self.assertEqual(whole.stdout, streamed.stdout)
        self.assertNotIn("stream", whole.stderr)
        self.assertRegex(streamed.stderr, r"\d+ of 12 layers stream from the file, .* for each step")
        bench = ["bench", self.twelve, "-p", 8, "-n", 8, "-r", 1, "-d", "cpu", "-t", 1, "--memory-max", self.half]
        facts = json.loads(self.run_it(*bench, "--json").stdout)["streaming"]
        self.assertGreater(facts["layers"], 1)
        self.assertAlmostEqual(facts["steps_per_s_bound"], facts["bytes_per_s"] / facts["bytes_per_step"])
        self.assertIn(f"{facts['layers']} layers stream: ", self.run_it(*bench).stdout)

    def test_too_little_memory_is_refused_with_the_least(self):
        done = self.run_it("run", self.twelve, "--raw", "-p", "a", "-d", "cpu", "-c", 64, "--memory-max", "1KiB")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "weights need at least .* raise --memory-max")


class Surroundings(CommandLine):
    def test_without_proc(self):
        """What the machine is and does is not known then; it computes all the same."""
        hidden = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc && exec "$0" "$@"']
        try:
            possible = subprocess.run([*hidden, "true"], capture_output=True, timeout=WAIT_S).returncode == 0
        except FileNotFoundError:
            possible = False
        if not possible:
            self.skipTest("/proc cannot be hidden here")
        for words in (["devices"], ["run", self.model, "-p", "hello", "-n", 4, "-d", "cpu", "-t", 1],
                      ["bench", self.model, "-p", 4, "-n", 4, "-r", 1, "-d", "cpu", "-t", 1]):
            done = subprocess.run([*map(str, [*hidden, EXOGPU, *words])], capture_output=True, text=True,
                                  errors="replace", timeout=WAIT_S, stdin=subprocess.DEVNULL,
                                  env={**self.environment, "XDG_CACHE_HOME": str(self.folder / "cache-without-proc")})
            self.assertEqual(done.returncode, 0, f"{words}: {done.stderr}")


class Completion(CommandLine):
    def complete_in_bash(self, line):
        words = line.replace("=", " = ")
        script = f"""
            exogpu() {{ '{EXOGPU}' "$@"; }}
            source <('{EXOGPU}' completion bash)
            COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({words})
            [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=("")
            COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
            COMP_WORDS[0]=exogpu
            _exogpu
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=WAIT_S, cwd=self.folder,
                              env=self.environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_bash(self):
        self.assertEqual(self.complete_in_bash("exogpu insp"), ["inspect"])
        self.assertEqual(self.complete_in_bash("exogpu run x --temp"), ["--temperature"])
        self.assertEqual(self.complete_in_bash("exogpu serve --for thr"), ["throughput"])
        self.assertEqual(self.complete_in_bash("exogpu serve --for=thr"), ["throughput"])
        self.assertEqual(self.complete_in_bash("exogpu serve --for "), ["latency", "throughput", "first-token", "efficiency"])
        self.assertIn("tiny", self.complete_in_bash("exogpu run ti"))
        self.assertEqual(self.complete_in_bash("exogpu inspect mod"), ["models"])  # a folder

    def test_scripts_are_for_their_shells(self):
        for shell, check in (("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])):
            script = self.run_it("completion", shell)
            self.assertEqual(script.returncode, 0)
            try:
                done = subprocess.run(check, input=script.stdout, capture_output=True, text=True, timeout=WAIT_S)
            except FileNotFoundError:
                continue  # this shell is not installed
            self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
