"""The architecture Qwen 3 in PyTorch, small: what is needed to train it and to look at what it writes."""
import dataclasses

import torch
import torch.nn.functional as F
from torch import nn


@dataclasses.dataclass(frozen=True)
class Shape:
    layers: int = 12
    width: int = 256
    heads: int = 8
    kv_heads: int = 4
    head_width: int = 64
    hidden: int = 768
    vocabulary: int = 4096
    context: int = 2048
    rope_base: float = 10000.0
    norm_epsilon: float = 1e-6


class Norm(nn.Module):
    def __init__(self, width, epsilon):
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.ones(width)), epsilon

    def forward(self, x):
        return F.rms_norm(x.float(), (x.shape[-1],), self.weight, self.epsilon).to(x.dtype)


def rope_table(shape, device):
    """cos, sin: [context, head_width / 2]"""
    rates = shape.rope_base ** (-torch.arange(0, shape.head_width, 2, device=device).float() / shape.head_width)
    angles = torch.outer(torch.arange(shape.context, device=device).float(), rates)
    return angles.cos(), angles.sin()


def rotate(x, cos, sin):
    """x: [batch, heads, length, head_width]; the first half of a head turns with the second."""
    a, b = x.float().chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1).to(x.dtype)


class Layer(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        q, kv = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
        self.attn_norm, self.ffn_norm = Norm(shape.width, shape.norm_epsilon), Norm(shape.width, shape.norm_epsilon)
        self.attn_q, self.attn_k, self.attn_v = (nn.Linear(shape.width, out, bias=False) for out in (q, kv, kv))
        self.attn_output = nn.Linear(q, shape.width, bias=False)
        self.attn_q_norm, self.attn_k_norm = Norm(shape.head_width, shape.norm_epsilon), Norm(shape.head_width, shape.norm_epsilon)
        self.ffn_gate, self.ffn_up = (nn.Linear(shape.width, shape.hidden, bias=False) for _ in range(2))
        self.ffn_down = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x, cos, sin):
        batch, length, _ = x.shape
        heads = lambda y: y.view(batch, length, -1, self.shape.head_width)
        h = self.attn_norm(x)
        q = rotate(self.attn_q_norm(heads(self.attn_q(h))).transpose(1, 2), cos, sin)
        k = rotate(self.attn_k_norm(heads(self.attn_k(h))).transpose(1, 2), cos, sin)
        v = heads(self.attn_v(h)).transpose(1, 2)
        repeat = self.shape.heads // self.shape.kv_heads
        attention = F.scaled_dot_product_attention(q, k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1), is_causal=True)
        x = x + self.attn_output(attention.transpose(1, 2).reshape(batch, length, -1))
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Model(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocabulary, shape.width)   # also the output matrix
        self.blk = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.output_norm = Norm(shape.width, shape.norm_epsilon)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                scale = 0.02 if "token" in name else weight.shape[1] ** -0.5
                if "attn_output" in name or "ffn_down" in name:
                    scale /= (2 * shape.layers) ** 0.5
                nn.init.normal_(weight, std=scale)
        self.rope = None

    def hidden(self, ids):
        if self.rope is None or self.rope[0].device != ids.device:
            self.rope = rope_table(self.shape, ids.device)
        cos, sin = (each[:ids.shape[1]] for each in self.rope)
        x = self.token_embd(ids)
        for layer in self.blk:
            x = layer(x, cos, sin)
        return self.output_norm(x)

    def logits(self, hidden):
        return F.linear(hidden, self.token_embd.weight)
