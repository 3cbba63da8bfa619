"""What tests of the program and benchmarks share: nodes as processes, hosts on a wire, waiting, ports, answers."""
