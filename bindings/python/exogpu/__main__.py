"""python -m exogpu: the program `exogpu`, that of the wheel or else the installed one."""

import os
import shutil
import sys

from ._devices import CARRIED


def main() -> int:
    carried = CARRIED / "exogpu"
    program = str(carried) if carried.exists() else shutil.which("exogpu")
    if program is None:
        print("exogpu: the program is not installed: the wheel has none, and no `exogpu` is on PATH", file=sys.stderr)
        return 1
    return os.execv(program, [program, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
