"""Reads a model that export.py wrote, with the weights as they are in the file: rounded to Q8_0."""
import gguf
import torch

from training.model import Model, Shape


def load(path):
    weights = {each.name: torch.tensor(gguf.quants.dequantize(each.data, each.tensor_type)).float() for each in gguf.GGUFReader(path).tensors}
    layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blk."))
    model = Model(Shape(layers=layers))
    model.load_state_dict(weights)
    return model
