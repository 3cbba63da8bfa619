"""LangChain against a server: its classes for OpenAI, Anthropic and Ollama. BASE_URL MODEL"""
import sys

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI

BASE_URL, MODEL = sys.argv[1:3]


@tool
def weather(town: str) -> str:
    """The weather of a town."""
    return f"rain in {town}"


CHATS = {
    "ChatOpenAI": ChatOpenAI(model=MODEL, base_url=BASE_URL + "/v1", api_key="none", max_tokens=16, max_retries=0),
    "ChatOpenAI, responses": ChatOpenAI(model=MODEL, base_url=BASE_URL + "/v1", api_key="none", max_tokens=16,
                                        max_retries=0, use_responses_api=True),
    "ChatAnthropic": ChatAnthropic(model=MODEL, base_url=BASE_URL, api_key="none", max_tokens=16, max_retries=0),
    "ChatOllama": ChatOllama(model=MODEL, base_url=BASE_URL, num_predict=16),
}
HELLO = [SystemMessage("be brief"), HumanMessage("say hello")]
LOOP = [*HELLO, AIMessage("", tool_calls=[{"name": "weather", "args": {"town": "Ulm"}, "id": "c1"}]),
        ToolMessage("rain", tool_call_id="c1", name="weather")]

for name, chat in CHATS.items():
    answer = chat.invoke(HELLO)
    assert answer.usage_metadata["output_tokens"] > 0, answer
    chunks = list(chat.stream(HELLO))
    assert "".join(chunk.text if isinstance(chunk.text, str) else chunk.text() for chunk in chunks), chunks
    assert chat.bind_tools([weather]).invoke(LOOP).usage_metadata["output_tokens"] > 0
    print(f"{name}: invoke, stream, tools and their results")
