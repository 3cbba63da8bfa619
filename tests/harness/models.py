"""Model files for tests and measurements."""
import pathlib

KEY = b"tokenizer.chat_template"


def write_other(model, path, number=0):
    """Writes a file of the same weights and size, and of another content for each number (0 to 25): the chat template has
    another name, which completions and the demo model do without."""
    original = pathlib.Path(model).read_bytes()
    if KEY not in original:
        raise ValueError(f"{model} has no chat template, by whose name another content would differ")
    path.write_bytes(original.replace(KEY, KEY[:-1] + bytes([ord("A") + number])))
    return path
