"""A control group (version 1 or 2) that stands for a machine with little memory."""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

MOUNT = pathlib.Path("/sys/fs/cgroup")

# Takes so many more bytes for each line that it reads, and answers with a line.
HOG = """
import sys
held = []
for line in sys.stdin:
    held.append(bytearray(b"x") * int(line))
    print(len(held), flush=True)
"""


class MemoryGroup:
    def __init__(self, limit):
        self.version = 1 if (MOUNT / "memory" / "memory.limit_in_bytes").exists() else 2
        self.folder = (MOUNT / "memory" if self.version == 1 else MOUNT) / f"exogpu-test-{os.getpid()}-{time.monotonic_ns()}"
        self.folder.mkdir()
        with contextlib.suppress(OSError):
            self.set_limit(limit)
            return
        self.folder.rmdir()
        raise OSError(f"{self.folder} cannot limit memory")

    @staticmethod
    def possible():
        """Whether this process may make such groups."""
        try:
            group = MemoryGroup(1 << 30)
        except OSError:
            return False
        done = subprocess.run([*map(str, group.command("true"))], capture_output=True)
        group.remove()
        return done.returncode == 0

    def set_limit(self, limit):
        names = (["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"] if self.version == 1 else
                 ["memory.max", "memory.swap.max"])
        (self.folder / names[0]).write_text(str(limit))
        with contextlib.suppress(OSError):  # a machine without swap
            (self.folder / names[1]).write_text(str(limit if self.version == 1 else 0))

    def command(self, *words):
        """Runs these words in the group."""
        return ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', self.folder / "cgroup.procs", *words]

    def free(self):
        """Bytes that its processes could have, the pages of files given back."""
        limit, used = (("memory.limit_in_bytes", "memory.usage_in_bytes") if self.version == 1 else
                       ("memory.max", "memory.current"))
        stat = self.values("memory.stat")
        files = stat["inactive_file"] + stat["active_file"]
        return int((self.folder / limit).read_text()) - int((self.folder / used).read_text()) + files

    def kills(self):
        """How many processes the kernel has ended for the memory of the group."""
        return self.values("memory.oom_control" if self.version == 1 else "memory.events").get("oom_kill", 0)

    def values(self, file):
        return {key: int(value) for key, value in map(str.split, (self.folder / file).read_text().splitlines())}

    def remove(self):
        for _ in range(500):
            with contextlib.suppress(OSError):
                self.folder.rmdir()
                return
            for process in (self.folder / "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
            time.sleep(0.01)


class Hog:
    """A process of the group that takes memory when it is told to."""

    def __init__(self, group):
        self.process = subprocess.Popen([*map(str, group.command(sys.executable, "-c", HOG))], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def take(self, bytes_more):
        self.process.stdin.write(f"{bytes_more}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline() != ""

    def lives(self):
        return self.process.poll() is None

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
