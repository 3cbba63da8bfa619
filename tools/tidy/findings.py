"""Shared by the checks: the files of the tree, and findings."""

import os
from dataclasses import dataclass
from pathlib import Path

# Names that are not part of the source: build outputs, data, and unchanged files of other projects.
SKIPPED = {".git", "build", "upstream", "node_modules", "__pycache__", ".cache", ".venv", "corpus"}
CODE = {".cpp", ".h", ".c", ".hpp", ".cc"}


@dataclass(frozen=True, order=True)
class Finding:
    path: str  # relative to the root of the tree
    line: int  # from 1; 0 for the file as a whole
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}" if self.line else f"{self.path}: {self.text}"


@dataclass(frozen=True)
class File:
    path: str  # relative to the root, with "/"
    text: str

    @property
    def name(self):
        return self.path.rsplit("/", 1)[-1]

    @property
    def folder(self):
        return self.path.rpartition("/")[0]

    @property
    def is_code(self):
        return os.path.splitext(self.path)[1] in CODE

    @property
    def lines(self):
        return self.text.split("\n")


def read_tree(root):
    """Every text file below `root`, in the order of their paths; binary files are omitted."""
    files = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED]
        for name in sorted(set(names) - SKIPPED):
            path = Path(folder) / name
            if path.is_symlink() or not path.is_file():
                continue
            content = path.read_bytes()
            if b"\0" in content:
                continue
            relative = path.relative_to(root).as_posix()
            files.append(File(relative, content.decode("utf-8", errors="surrogateescape")))
    return sorted(files, key=lambda file: file.path)
