"""Shared by tests of the program and benchmarks: nodes as processes, hosts on a wire, waiting, ports, answers."""
