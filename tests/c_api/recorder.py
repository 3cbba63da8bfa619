"""A library that notes which calls of exogpu.h a program makes and which codes they return, whatever its language.

The loader puts it before libexogpu.so (LD_PRELOAD), so that the program's calls come here first. For each call and code that
comes the first time it appends a line to the file that EXOGPU_TEST_RECORD names: "exogpu_device_list 0".
"""
import re
import subprocess
import tempfile

from c_api import abi

HEAD = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <exogpu/exogpu.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *next(const char *name) {
  /* Packages load the library for themselves, so it is not behind this one in the program's own order. */
  void *library = dlopen("libexogpu.so.0", RTLD_NOW | RTLD_NOLOAD);
  void *found = library == NULL ? NULL : dlsym(library, name);
  if (found == NULL) abort();
  return found;
}

static void note(const char *name, exogpu_code code, _Atomic unsigned *seen) {
  const unsigned bit = 1U << ((unsigned)code & 31U);
  const char *path = getenv("EXOGPU_TEST_RECORD");
  char line[128];
  int file, length;
  if (path == NULL || (atomic_fetch_or(seen, bit) & bit) != 0) return;
  length = snprintf(line, sizeof line, "%s %d\\n", name, (int)code);
  file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  /* As many bytes are written at once as no other process cuts in two. */
  if (file < 0 || write(file, line, (size_t)length) != length) _exit(99);
  close(file);
}
"""


def wrapper(name, declaration):
    result, parameters = re.match(rf"(.*?)\b{name}\((.*)\)$", declaration).groups()
    names = [] if parameters == "void" else [re.split(r"[ *]", each)[-1] for each in parameters.split(",")]
    call = f"((__typeof__({name}) *)function)({', '.join(names)})"
    body = f"  {call};\n  note(\"{name}\", 0, &seen);\n"
    if result.strip() != "void":
        code = "result" if result.strip() == "exogpu_code" else "0"
        body = f"  {result.strip()} result = {call};\n  note(\"{name}\", {code}, &seen);\n  return result;\n"
    return (f"\n{declaration} {{\n  static _Atomic unsigned seen;\n  static void *_Atomic real;\n  void *function = real;\n"
            f"  if (function == NULL) real = function = next(\"{name}\");\n{body}}}\n")


def make(header, out):
    source = HEAD + "".join(wrapper(*each) for each in sorted(abi.calls(header.read_text(encoding="utf-8")).items()))
    with tempfile.NamedTemporaryFile("w", suffix=".c", encoding="utf-8") as file:
        file.write(source)
        file.flush()
        subprocess.run(["gcc-14", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I",
                        str(header.parents[1]), file.name, "-o", str(out), "-ldl"], check=True)
