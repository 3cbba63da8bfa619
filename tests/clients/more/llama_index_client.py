"""LlamaIndex against a server: OpenAILike. BASE_URL MODEL"""
import sys

from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

BASE_URL, MODEL = sys.argv[1:3]
llm = OpenAILike(model=MODEL, api_base=BASE_URL + "/v1", api_key="none", is_chat_model=True, max_tokens=16, max_retries=0)
HELLO = [ChatMessage(role="system", content="be brief"), ChatMessage(role="user", content="say hello")]
assert llm.chat(HELLO).message.content
assert "".join(part.delta or "" for part in llm.stream_chat(HELLO))
text = OpenAILike(model=MODEL, api_base=BASE_URL + "/v1", api_key="none", is_chat_model=False, max_tokens=16)
assert text.complete("one two three").text
print("OpenAILike: chat, stream_chat, complete")
