#include "tiny_model/vocabulary.h"

#include <string>
#include <vector>

namespace exogpu::tiny {
namespace {

constexpr int32_t type_normal = 1, type_control = 3, type_unused = 5;

// Frequent pairs of English, in the order in which they are applied. A space at a word's start is written as in the
// vocabulary of byte-level BPE: U+0120.
constexpr const char* merges[] = {
    "Ġ t", "Ġ a",  "h e",  "i n",  "r e",  "o n", "Ġt he", "e r",  "Ġ s", "a t", "Ġ w",    "Ġ o",
    "e n", "Ġ c",  "i t",  "i s",  "a n",  "o r", "e s",   "Ġ b",  "e d", "Ġ f", "in g",   "Ġ p",
    "o u", "Ġa n", "a l",  "a r",  "Ġt o", "Ġ m", "Ġo f",  "Ġ in", "Ġ d", "Ġ h", "Ġan d",  "i c",
    "a s", "l e",  "Ġt h", "i on", "o m",  "l l", "en t",  "Ġ n",  "Ġ l", "s t", "Ġ re",   "v e",
    "Ġ e", "r o",  "l y",  "Ġb e", "Ġ g",  "Ġ T", "c t",   "Ġ S",  "i d", "o t", "Ġ I",    "u t",
    "e t", "Ġ A",  "Ġ is", "Ġ on", "i m",  "a m", "o w",   "a y",  "a d", "s e", "Ġth at", "Ġ C",
};

constexpr const char* chat_template =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

// Below U+0800, which is all that byte-level BPE needs.
std::string utf8(uint32_t code) {
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
}

bool is_printable(uint32_t byte) { return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174; }

// One token for each byte: a printable one stands for itself, the others follow as U+0100, U+0101, ...
std::vector<std::string> byte_tokens() {
  std::vector<std::string> tokens;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    if (is_printable(byte)) tokens.push_back(utf8(byte));
  }
  for (uint32_t code = 256; tokens.size() < 256; ++code) tokens.push_back(utf8(code));
  return tokens;
}

}  // namespace

uint32_t add_vocabulary(model::testing::GgufWriter& file, std::string_view pre, bool add_bos) {
  std::vector<std::string> tokens = byte_tokens();
  std::vector<std::string> merge_list(std::begin(merges), std::end(merges));
  for (const std::string& merge : merge_list) {
    const size_t space = merge.find(' ');
    tokens.push_back(merge.substr(0, space) + merge.substr(space + 1));
  }
  std::vector<int32_t> types(tokens.size(), type_normal);

  const auto special = [&](std::string text) {
    tokens.push_back(std::move(text));
    types.push_back(type_control);
    return static_cast<uint32_t>(tokens.size() - 1);
  };
  const uint32_t bos = special("<|endoftext|>");
  special("<|im_start|>");
  const uint32_t eos = special("<|im_end|>");
  // Whole blocks of 32 rows, so that the embedding can be cut and repacked like a real one.
  for (int n = 0; tokens.size() % 32 != 0; ++n) {
    tokens.push_back("<|unused_" + std::to_string(n) + "|>");
    types.push_back(type_unused);
  }

  file.meta("tokenizer.ggml.model", "gpt2")
      .meta("tokenizer.ggml.pre", pre)
      .array("tokenizer.ggml.tokens", tokens)
      .array("tokenizer.ggml.token_type", types)
      .array("tokenizer.ggml.merges", merge_list)
      .meta("tokenizer.ggml.bos_token_id", bos)
      .meta("tokenizer.ggml.eos_token_id", eos)
      .meta("tokenizer.ggml.add_bos_token", add_bos)
      .meta("tokenizer.chat_template", chat_template);
  return static_cast<uint32_t>(tokens.size());
}

}  // namespace exogpu::tiny
