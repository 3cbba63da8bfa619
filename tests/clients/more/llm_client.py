"""The `llm` program against a server, as a model of its extra-openai-models.yaml. BASE_URL MODEL"""
import os
import pathlib
import subprocess
import sys
import tempfile

BASE_URL, MODEL = sys.argv[1:3]
PROGRAM = pathlib.Path(sys.executable).parent / "llm"
with tempfile.TemporaryDirectory() as folder:
    (pathlib.Path(folder) / "extra-openai-models.yaml").write_text(
        f"- model_id: here\n  model_name: {MODEL}\n  api_base: {BASE_URL}/v1\n")
    environment = os.environ | {"LLM_USER_PATH": folder, "OPENAI_API_KEY": "none"}
    for options in ([], ["--no-stream"], ["-s", "be brief"]):
        done = subprocess.run([PROGRAM, "-m", "here", "-o", "max_tokens", "16", *options, "say hello"], env=environment,
                              capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0 and done.stdout.strip(), done.stdout + done.stderr
print("llm: whole, streamed, with a system prompt")
