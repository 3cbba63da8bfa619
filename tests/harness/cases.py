"""Runs the test methods of a script, or a part of them: EXOGPU_TEST_SHARD=2/3 runs the second of three parts."""
import os
import unittest


class ShardLoader(unittest.TestLoader):
    """Loads every n-th test method, counted over all classes."""

    def __init__(self, shard, count):
        super().__init__()
        self.shard, self.count, self.seen = shard, count, 0

    def getTestCaseNames(self, testCaseClass):
        names = super().getTestCaseNames(testCaseClass)
        chosen = [name for i, name in enumerate(names, start=self.seen) if i % self.count == self.shard - 1]
        self.seen += len(names)
        return chosen


def run(arguments):
    """unittest.main() for the script that calls it; `arguments`: those that choose tests, without the script's own."""
    shard, count = map(int, os.environ.get("EXOGPU_TEST_SHARD", "1/1").split("/"))
    if not 1 <= shard <= count:
        raise SystemExit(f"EXOGPU_TEST_SHARD: {shard}/{count} is no part")
    unittest.main(argv=["test", *arguments], testLoader=ShardLoader(shard, count))
