"""Writes trained weights as a GGUF file that any engine can load: matrices as Q8_0, norms as F32.

usage: python3 -m training.export OUT_FOLDER/weights.pt TOKENIZER.json MODEL.gguf    (in tools/demo_model)
"""
import json
import pathlib
import sys

import gguf
import numpy
import torch

TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def add_metadata(writer, shape):
    writer.add_name("exogpu demo")
    writer.add_description("A toy that shows the machinery: stories, sums, a few facts, and the commands of exogpu.")
    writer.add_license("cc0-1.0")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_block_count(shape["layers"])
    writer.add_context_length(shape["context"])
    writer.add_embedding_length(shape["width"])
    writer.add_feed_forward_length(shape["hidden"])
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["kv_heads"])
    writer.add_key_length(shape["head_width"])
    writer.add_value_length(shape["head_width"])
    writer.add_rope_freq_base(shape["rope_base"])
    writer.add_layer_norm_rms_eps(shape["norm_epsilon"])
    writer.add_vocab_size(shape["vocabulary"])


def add_tokenizer(writer, path):
    file = json.loads(pathlib.Path(path).read_text())
    special = {each["content"]: each["id"] for each in file["added_tokens"]}
    tokens = sorted(file["model"]["vocab"], key=file["model"]["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if each in special else gguf.TokenType.NORMAL for each in tokens])
    writer.add_token_merges([each if isinstance(each, str) else " ".join(each) for each in file["model"]["merges"]])
    writer.add_eos_token_id(special["<|im_end|>"])
    writer.add_eot_token_id(special["<|im_end|>"])
    writer.add_pad_token_id(special["<|endoftext|>"])
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def export(weights_path, tokenizer_path, out_path):
    saved = torch.load(weights_path, map_location="cpu", weights_only=True)
    writer = gguf.GGUFWriter(out_path, "qwen3")
    add_metadata(writer, saved["shape"])
    add_tokenizer(writer, tokenizer_path)
    for name, weight in saved["weights"].items():
        values = weight.float().numpy()
        if values.ndim == 2:
            packed = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(name, numpy.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    export(*sys.argv[1:])
