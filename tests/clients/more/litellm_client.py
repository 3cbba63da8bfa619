"""LiteLLM against a server, by its four providers. BASE_URL MODEL"""
import os
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # fetches nothing
import litellm  # noqa: E402

BASE_URL, MODEL = sys.argv[1:3]
litellm.telemetry = False
HELLO = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "say hello"}]
PROVIDERS = {
    "openai/": {"api_base": BASE_URL + "/v1", "api_key": "none"},
    "anthropic/": {"api_base": BASE_URL, "api_key": "none"},
    "ollama_chat/": {"api_base": BASE_URL},
    "text-completion-openai/": {"api_base": BASE_URL + "/v1", "api_key": "none"},
}
for provider, settings in PROVIDERS.items():
    whole = litellm.completion(model=provider + MODEL, messages=HELLO, max_tokens=16, num_retries=0, **settings)
    assert whole.choices[0].message.content and whole.usage.completion_tokens > 0, whole
    parts = litellm.completion(model=provider + MODEL, messages=HELLO, max_tokens=16, stream=True, **settings)
    assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
    print(f"{provider}: completion, stream")
