"""Judges an exported model with PyTorch on a GPU: the held-out prompts, many at once, with the weights as they are in the file.

usage: python3 -m training.judge MODEL.gguf TOKENIZER.json [OUT.json] [--wrong]    (in tools/demo_model)
"""
import json
import math
import sys

import torch

from generator import prompts
from training import pack
from training.load import load
from training.perplexity import held_out_rows, mean_loss

TOKENS_MAX = 200


@torch.no_grad()
def write(model, tokenizer, questions, temperature, seed=0, tokens_max=TOKENS_MAX):
    """Answers, and whether each ended by itself."""
    device = model.token_embd.weight.device
    generator = torch.Generator(device).manual_seed(seed)
    ends = torch.tensor([tokenizer.token_to_id("<|im_end|>"), tokenizer.token_to_id("<|endoftext|>")], device=device)
    starts = [tokenizer.encode(f"<|im_start|>user\n{each}<|im_end|>\n<|im_start|>assistant\n").ids for each in questions]
    lengths = torch.tensor([len(each) for each in starts], device=device)
    ids = torch.zeros(len(starts), max(map(len, starts)) + tokens_max, dtype=torch.long, device=device)
    for row, start in enumerate(starts):
        ids[row, :len(start)] = torch.tensor(start, device=device)
    done, at = torch.zeros_like(lengths, dtype=torch.bool), lengths.clone()
    for _ in range(tokens_max):
        going = torch.nonzero(~done)[:, 0]
        if not len(going):
            break
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            hidden = model.hidden(ids[going, :int(at[going].max())])
            logits = model.logits(hidden[torch.arange(len(going), device=device), at[going] - 1]).float()
        if temperature:
            token = torch.multinomial(torch.softmax(logits / temperature, -1), 1, generator=generator)[:, 0]
        else:
            token = logits.argmax(-1)
        ends_now = torch.isin(token, ends)
        done[going[ends_now]] = True
        ids[going[~ends_now], at[going[~ends_now]]] = token[~ends_now]
        at[going[~ends_now]] += 1
    texts = [tokenizer.decode(ids[row, lengths[row]:at[row]].tolist()) for row in range(len(starts))]
    return list(zip(texts, done.tolist()))


def judge(model, tokenizer, name, temperature):
    asked = prompts.SETS[name]()
    answers = write(model, tokenizer, [typed for typed, _ in asked], temperature)
    marks = [(ended, turn.accepts(text), turn.mentions_subject(text)) for (text, ended), (_, turn) in zip(answers, asked)]
    wrong = [(turn.sort, typed, text) for (text, _), (typed, turn), mark in zip(answers, asked, marks) if not all(mark)]
    shares = {key: round(sum(mark[index] for mark in marks) / len(marks), 4) for index, key in enumerate(("ended", "well_formed", "on_subject"))}
    return {"set": name, "temperature": temperature, "prompts": len(asked), **shares,
            "all_three": round(1 - len(wrong) / len(asked), 4)}, wrong


SAMPLES = ["What is the capital of France?", "Who are you?", "Hello", "Tell me a story about a lighthouse", "What is 27 + 48?",
           "How do I see my devices?", "Who won the world cup in 1998?", "why is the sky blue", "What is love?", "Do you like pizza?"]


def main():
    path, tokenizer_path = sys.argv[1:3]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer, model = pack.load(tokenizer_path), load(path).to(device).eval()
    results = [{"held_out_perplexity": round(math.exp(mean_loss(model, held_out_rows(tokenizer_path).to(device))), 4)}]
    print(json.dumps(results[0]), flush=True)
    for name, temperature in (("mixed", 0.7), ("commands", 0.0), ("sums", 0.0)):
        result, wrong = judge(model, tokenizer, name, temperature)
        results.append(result)
        print(json.dumps(result), flush=True)
        for sort, typed, text in wrong if "--wrong" in sys.argv else []:
            print(f"   WRONG [{sort}] {typed!r} -> {text!r}", flush=True)
    for question, (text, _) in zip(SAMPLES, write(model, tokenizer, SAMPLES, 0.0)):
        print(f">>> {question}\n{text}", flush=True)
    if len(sys.argv) > 3 and not sys.argv[3].startswith("--"):
        with open(sys.argv[3], "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
