"""Trains the model on a stream of fresh texts: no text is seen twice, and all follow from the seed.

usage: python3 -m training.train TOKENIZER.json OUT_FOLDER [--seed N] [--steps N] ...    (in tools/demo_model)
Writes OUT_FOLDER/{weights.pt,log.jsonl}.
"""
import argparse
import concurrent.futures
import dataclasses
import json
import math
import multiprocessing
import pathlib
import time

import torch
import torch.nn.functional as F

from training import pack
from training.load import load
from training.model import Model, Shape
from training.perplexity import held_out_rows, mean_loss


class Stream:
    """Batches in order, made by `workers` processes some way ahead."""

    def __init__(self, tokenizer, seed, rows, length, workers):
        self.arguments = (tokenizer, rows, length, seed)
        self.pool = concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
        self.ahead, self.next = [], 0
        self.workers = workers

    def batch(self):
        tokenizer, rows, length, seed = self.arguments
        while len(self.ahead) < 4 * self.workers:
            self.ahead.append(self.pool.submit(pack.rows, tokenizer, f"train {seed} {self.next}", rows, length))
            self.next += 1
        return torch.from_numpy(self.ahead.pop(0).result().astype("int32"))

    def close(self):
        self.pool.shutdown(wait=False, cancel_futures=True)


def rate(step, options):
    """Learning rate: up in a straight line, level, then down in a straight line."""
    down = int(options.steps * options.decay)
    return options.rate * min((step + 1) / options.warmup, 1.0, (options.steps - step) / max(down, 1))


def loss_of(model, hidden, rows):
    targets = (rows[:, 1:] & (pack.LEARN - 1)).long()
    learn = (rows[:, 1:] & pack.LEARN) != 0
    losses = F.cross_entropy(model.logits(hidden).float().flatten(0, 1), targets.flatten(), reduction="none")
    return (losses * learn.flatten()).sum() / learn.sum()


def train(options):
    torch.manual_seed(options.seed)
    torch.set_float32_matmul_precision("high")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    stream = Stream(options.tokenizer, options.seed, options.rows, options.length, options.workers)
    stream.batch()
    model = (load(options.start) if options.start else Model(Shape())).to(device).train()
    matrices = [weight for weight in model.parameters() if weight.dim() == 2]
    vectors = [weight for weight in model.parameters() if weight.dim() != 2]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}], lr=0.0,
                                  betas=(0.9, 0.95), fused=device == "cuda")
    if device == "cuda":
        for layer in model.blk:
            layer.compile()
    head = torch.compile(loss_of) if device == "cuda" else loss_of
    held_out = held_out_rows(options.tokenizer).to(device)
    log, start, seen = open(out / "log.jsonl", "w"), time.time(), 0
    for step in range(options.steps):
        rows = stream.batch().to(device)
        for group in optimizer.param_groups:
            group["lr"] = rate(step, options)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = head(model, model.hidden((rows[:, :-1] & (pack.LEARN - 1)).long()), rows)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seen += rows[:, 1:].numel()
        if (step + 1) % options.report == 0 or step + 1 == options.steps:
            entry = {"step": step + 1, "tokens": seen, "loss": round(loss.item(), 4), "norm": round(norm.item(), 3), "rate": rate(step, options)}
            if (step + 1) % (options.report * 5) == 0 or step + 1 == options.steps:
                entry["held_out_perplexity"] = round(math.exp(mean_loss(model, held_out)), 4)
            entry["seconds"] = round(time.time() - start, 1)
            print(json.dumps(entry), file=log, flush=True)
            print(json.dumps(entry), flush=True)
    stream.close()
    torch.save({"shape": dataclasses.asdict(model.shape), "weights": {name: weight.cpu() for name, weight in model.state_dict().items()}},
               out / "weights.pt")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("tokenizer")
    arguments.add_argument("out")
    for name, default in {"seed": 1, "steps": 2000, "rows": 64, "length": 2048, "workers": 7, "warmup": 100, "report": 20}.items():
        arguments.add_argument("--" + name, type=int, default=default)
    arguments.add_argument("--rate", type=float, default=3e-3)
    arguments.add_argument("--start", help="a GGUF file of an earlier training to go on from")
    arguments.add_argument("--decay", type=float, default=0.5, help="share of the steps in which the rate falls")
    train(arguments.parse_args())


if __name__ == "__main__":
    main()
