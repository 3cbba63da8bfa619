"""What of exogpu.h other programs are compiled against: calls, values of names, and layouts of structs, as lines."""
import re
import subprocess
import tempfile
from pathlib import Path


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def calls(header):
    """Each declaration in one line, by name."""
    found = re.findall(r"^EXOGPU_API ([^;]*?\b(exogpu_\w+)\([^;]*\));", without_comments(header), flags=re.M)
    return {name: " ".join(text.split()) for text, name in found}


def structs(header):
    """The fields of each struct."""
    found = re.findall(r"typedef struct (\w+) \{(.*?)\} \1;", without_comments(header), flags=re.S)
    fields = {}
    for name, body in found:
        names = []
        for declaration in filter(None, map(str.strip, body.split(";"))):
            names += [re.sub(r"\[.*", "", part).split()[-1].lstrip("*") for part in declaration.split(",")]
        fields[name] = names
    return fields


def values(header):
    return re.findall(r"\b(EXOGPU_[A-Z_0-9]+) = \d+", without_comments(header))


def describe(header_path):
    """The lines, as the compiler sees them."""
    header = header_path.read_text(encoding="utf-8")
    prints = [f'printf("value {name} = %d\\n", (int){name});' for name in values(header)]
    for name, fields in structs(header).items():
        prints.append(f'printf("struct {name}: %zu bytes\\n", sizeof({name}));')
        prints += [f'printf("  {field} at %zu, %zu bytes\\n", offsetof({name}, {field}), sizeof((({name}*)0)->{field}));'
                   for field in fields]
    source = "#include <exogpu/exogpu.h>\n#include <stdio.h>\nint main(void) {\n" + "\n".join(prints) + "\nreturn 0;\n}\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "abi.c"
        path.write_text(source, encoding="utf-8")
        subprocess.run(["gcc-14", "-std=c11", "-I", header_path.parents[1], path, "-o", path.with_suffix("")], check=True)
        layout = subprocess.run([path.with_suffix("")], check=True, capture_output=True, text=True).stdout.splitlines()
    return [f"call {text}" for _, text in sorted(calls(header).items())] + layout
