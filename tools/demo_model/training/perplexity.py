"""How well a model predicts good answers to the held-out prompts."""
import torch
import torch.nn.functional as F

from generator import prompts
from training import pack

LENGTH = 384


def held_out_rows(tokenizer_path, count=512):
    """[count, LENGTH + 1]: one held-out question in each row, with its answer; only the answer counts."""
    tokenizer = pack.load(tokenizer_path)
    pad = tokenizer.token_to_id("<|endoftext|>")
    rows = [pack.text_ids(tokenizer, [("user", typed), ("assistant", turn.answer)]) for typed, turn in prompts.mixed("perplexity", count)]
    return torch.tensor([row + [pad] * (LENGTH + 1 - len(row)) for row in rows if len(row) <= LENGTH + 1], dtype=torch.int32)


@torch.no_grad()
def mean_loss(model, rows):
    """Nats for each token of the answers."""
    with torch.compiler.set_stance("force_eager"):  # another shape than in training: not worth compiling for
        return _mean_loss(model, rows)


def _mean_loss(model, rows):
    total, count = 0.0, 0
    for part in rows.split(128):
        with torch.autocast(part.device.type, torch.bfloat16, enabled=part.device.type == "cuda"):
            logits = model.logits(model.hidden((part[:, :-1] & (pack.LEARN - 1)).long())).float()
        losses = F.cross_entropy(logits.flatten(0, 1), (part[:, 1:] & (pack.LEARN - 1)).long().flatten(), reduction="none")
        learn = ((part[:, 1:] & pack.LEARN) != 0).flatten()
        total, count = total + (losses * learn).sum().item(), count + learn.sum().item()
    return total / count
