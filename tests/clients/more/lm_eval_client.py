"""lm-eval against a server: its models local-chat-completions and local-completions. BASE_URL MODEL

The tasks are written here, so that no data set is fetched.
"""
import sys

from lm_eval.api.instance import Instance
from lm_eval.models.api_models import JsonChatStr
from lm_eval.models.openai_completions import LocalChatCompletion, LocalCompletionsAPI

BASE_URL, MODEL = sys.argv[1:3]
COMMON = {"model": MODEL, "tokenizer_backend": None, "num_concurrent": 1, "max_retries": 1}


def generate(prompt):
    return Instance(request_type="generate_until", doc={}, idx=0,
                    arguments=(prompt, {"until": ["\n\n"], "max_gen_toks": 16}))


completions = LocalCompletionsAPI(base_url=BASE_URL + "/v1/completions", tokenized_requests=False, **COMMON)
assert completions.generate_until([generate("one two three")], disable_tqdm=True)[0]
print("local-completions: generate_until")


def choice(context, continuation):
    return Instance(request_type="loglikelihood", doc={}, idx=0, arguments=(context, continuation))


# The server's own tokenizer, as vLLM has it. The greedy continuation is the likeliest, and known as such.
scoring = LocalCompletionsAPI(base_url=BASE_URL + "/v1/completions", tokenizer_backend="remote", num_concurrent=1,
                              max_retries=1, model=MODEL, batch_size=4)
question = "What is the capital of France?\n"
greedy = scoring.generate_until([Instance(request_type="generate_until", doc={}, idx=0, arguments=(
    question, {"until": ["\n\n"], "max_gen_toks": 4, "temperature": 0}))], disable_tqdm=True)[0]
scores = scoring.loglikelihood([choice(question, greedy), choice(question, " zebra xylophone"), choice("", "Hello")],
                               disable_tqdm=True)
assert scores[0][0] > scores[1][0] and not scores[1][1] and all(score < 0 for score, _ in scores), scores
rolling = scoring.loglikelihood_rolling([Instance(request_type="loglikelihood_rolling", doc={}, idx=0, arguments=(
    question * 20,))], disable_tqdm=True)
assert rolling[0] < 0, rolling
print("local-completions: loglikelihood, loglikelihood_rolling")
chat = LocalChatCompletion(base_url=BASE_URL + "/v1/chat/completions", **COMMON)
assert chat.generate_until([generate(JsonChatStr('[{"role": "user", "content": "say hello"}]'))], disable_tqdm=True)[0]
print("local-chat-completions: generate_until")
