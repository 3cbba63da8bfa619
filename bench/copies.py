#!/usr/bin/env python3
"""Copies to, between and from buffers of a device, from 1 byte to 1 GiB: verified, and their rate against plain copies of ggml.

usage: copies.py LIBRARY [DEVICE] [--backends FOLDER] [--largest BYTES] [--rounds N] [--json FILE]

  LIBRARY   libexogpu.so.0, beside or behind which ggml's libraries are found
  DEVICE    as `exogpu devices` names it ("vulkan0"); "gpu", the default: the best
  FOLDER    with ggml's backends, where they are not installed

Needs nothing but Python. Each size: random bytes go up, across to a second buffer of the device and, where that is another,
to the CPU and back, and down; every byte is compared. From 16 MiB on both libraries copy the same bytes by turns, to and
from memory of the host that has been touched. Ends with 1 if a byte is wrong.
"""
import argparse
import ctypes
import json
import os
import statistics
import sys
import time
from ctypes import byref, c_bool, c_char, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

MIB = 1 << 20
MEASURED_FROM = 16 * MIB
SIZES = [1, 2, 3, 255, 4096, 65537, MIB, 3 * MIB + 1, 16 * MIB, 64 * MIB, 256 * MIB, 1024 * MIB]
ODD = 13  # an offset that no alignment helps; the largest fills a buffer of the device, where there is none


class Handle(ctypes.Structure):
    _fields_ = [("id", c_uint64)]


class ContextOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("backend", c_char_p), ("software", c_uint32), ("cpu_only", c_uint32),
                ("program", c_char_p), ("backends", c_char_p)]


class GgmlParameters(ctypes.Structure):
    _fields_ = [("mem_size", c_size_t), ("mem_buffer", c_void_p), ("no_alloc", c_bool)]


class Exogpu:
    """The calls of the library that this needs."""

    def __init__(self, path, backends):
        self.library = ctypes.CDLL(path)
        self.library.exogpu_last_error.restype = c_char_p
        self.context = Handle()
        options = ContextOptions(ctypes.sizeof(ContextOptions), None, 1, 0, None, backends.encode() if backends else None)
        self.call("context_open", byref(options), byref(self.context))

    def call(self, name, *arguments):
        if getattr(self.library, "exogpu_" + name)(*arguments):
            raise RuntimeError(self.library.exogpu_last_error().decode())

    def device(self, name):
        found = Handle()
        self.call("device_find", self.context, name.encode(), byref(found))
        return found

    def described(self, device):
        text = c_void_p()
        self.call("device_json", device, byref(text))
        found = json.loads(ctypes.string_at(text))
        self.library.exogpu_free(text)
        return found

    def allocate(self, device, size):
        made = Handle()
        self.call("buffer_allocate", device, c_uint64(size), byref(made))
        return made

    def up(self, buffer, offset, data, size):
        self.call("buffer_upload", buffer, c_uint64(offset), data, c_uint64(size))

    def down(self, buffer, offset, data, size):
        self.call("buffer_download", buffer, c_uint64(offset), data, c_uint64(size))

    def across(self, source, source_offset, target, target_offset, size):
        self.call("buffer_copy", source, c_uint64(source_offset), target, c_uint64(target_offset), c_uint64(size))

    def free(self, buffer):
        self.call("buffer_free", buffer)


class Ggml:
    """ggml's own buffers of the device with this name: plain copies by its driver code."""

    def __init__(self, name):
        self.registry, base = ctypes.CDLL("libggml.so"), ctypes.CDLL("libggml-base.so")
        for library in (self.registry, base):
            for call in ("ggml_backend_dev_get", "ggml_backend_dev_buffer_type", "ggml_backend_buft_alloc_buffer",
                         "ggml_backend_buffer_get_base", "ggml_init", "ggml_new_tensor_1d"):
                if hasattr(library, call):
                    getattr(library, call).restype = c_void_p
        self.registry.ggml_backend_dev_count.restype = c_size_t
        base.ggml_backend_dev_name.restype = c_char_p
        self.base = base
        devices = [c_void_p(self.registry.ggml_backend_dev_get(c_size_t(i))) for i in range(self.registry.ggml_backend_dev_count())]
        names = [base.ggml_backend_dev_name(device).decode() for device in devices]
        self.device = devices[[each.lower() for each in names].index(name.lower())]
        self.context = c_void_p(base.ggml_init(GgmlParameters(4 * MIB, None, True)))

    def allocate(self, size):
        kind = c_void_p(self.base.ggml_backend_dev_buffer_type(self.device))
        buffer = c_void_p(self.base.ggml_backend_buft_alloc_buffer(kind, c_size_t(size)))
        if not buffer:
            raise RuntimeError(f"ggml has no buffer of {size} bytes")
        tensor = c_void_p(self.base.ggml_new_tensor_1d(self.context, c_int32(24), c_int64(size)))  # GGML_TYPE_I8
        self.base.ggml_backend_tensor_alloc(buffer, tensor, c_void_p(self.base.ggml_backend_buffer_get_base(buffer)))
        return buffer, tensor

    def up(self, tensor, data, size):
        self.base.ggml_backend_tensor_set(tensor, data, c_size_t(0), c_size_t(size))

    def down(self, tensor, data, size):
        self.base.ggml_backend_tensor_get(tensor, data, c_size_t(0), c_size_t(size))

    def across(self, source, target):
        self.base.ggml_backend_tensor_copy(source, target)

    def free(self, buffer):
        self.base.ggml_backend_buffer_free(buffer)


def host(size):
    """Bytes of the host, touched, and what C calls take for them."""
    data = bytearray(size)
    for at in range(0, size, 4096):
        data[at] = 1
    return data, (c_char * size).from_buffer(data)


def seconds(call):
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def verify(exogpu, device, cpu, size):
    """Whether bytes are those that were sent, at the start of buffers and at odd places."""
    sent = os.urandom(size)
    back, at_back = host(size)
    odd = ODD if size < SIZES[-1] else 0
    first, second, hosts = (exogpu.allocate(each, size + odd) for each in (device, device, cpu))
    good = True
    for up, across in ((0, 0), (odd, 0), (min(3, odd), odd)):
        at_back[:] = bytes(size)
        exogpu.up(first, up, sent, size)
        exogpu.across(first, up, second, across, size)
        exogpu.across(second, across, hosts, up, size)
        exogpu.up(first, up, bytes(size), size)
        exogpu.across(hosts, up, first, across, size)
        exogpu.down(first, across, at_back, size)
        good = good and back == sent
    for buffer in (first, second, hosts):
        exogpu.free(buffer)
    return good


def measure(exogpu, ggml, device, size, rounds):
    """Seconds of each copy by both libraries, by turns: {"up": ([...], [...]), ...}."""
    _, data = host(size)
    ours = [exogpu.allocate(device, size) for _ in range(2)]
    theirs = [ggml.allocate(size) for _ in range(2)]
    (_, first), (_, second) = theirs
    copies = {
        "up": (lambda: exogpu.up(ours[0], 0, data, size), lambda: ggml.up(first, data, size)),
        "across": (lambda: exogpu.across(ours[0], 0, ours[1], 0, size), lambda: ggml.across(first, second)),
        "down": (lambda: exogpu.down(ours[1], 0, data, size), lambda: ggml.down(second, data, size)),
    }
    found = {name: ([], []) for name in copies}
    for turn in range(rounds + 1):
        for name, both in copies.items():
            order = (0, 1) if turn % 2 else (1, 0)
            for which in order:
                spent = seconds(both[which])
                if turn > 0:  # the first is to warm up
                    found[name][which].append(spent)
    for buffer in ours:
        exogpu.free(buffer)
    for buffer, _ in theirs:
        ggml.free(buffer)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library")
    parser.add_argument("device", nargs="?", default="gpu")
    parser.add_argument("--backends")
    parser.add_argument("--largest", type=int, default=SIZES[-1])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json")
    given = parser.parse_args()
    exogpu = Exogpu(given.library, given.backends)
    device, cpu = exogpu.device(given.device), exogpu.device("cpu")
    described = exogpu.described(device)
    ggml = Ggml(described["id"])
    print(f"{described['name']} ({described['id']}, {described['backend']}, driver {described['driver']})")
    wrong, rows = 0, []
    for size in [each for each in SIZES if each <= given.largest]:
        good = verify(exogpu, device, cpu, size)
        wrong += not good
        row = {"bytes": size, "exact": good}
        line = f"{size:>11} bytes  {'exact' if good else 'WRONG'}"
        if size >= MEASURED_FROM:
            for name, (ours, theirs) in measure(exogpu, ggml, device, size, given.rounds).items():
                share = statistics.median(theirs) / statistics.median(ours)
                row[name] = {"gb_s": size / statistics.median(ours) / 1e9, "ggml_gb_s": size / statistics.median(theirs) / 1e9,
                             "fastest_gb_s": size / min(ours) / 1e9, "ggml_fastest_gb_s": size / min(theirs) / 1e9}
                line += f"   {name} {row[name]['gb_s']:.2f} GB/s, {share:.2f} of ggml's (fastest {min(theirs) / min(ours):.2f})"
        rows.append(row)
        print(line, flush=True)
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump({"device": described, "rows": rows}, file, indent=1)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
