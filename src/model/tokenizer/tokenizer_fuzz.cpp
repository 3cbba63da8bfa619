// Any text is unchanged after encoding and decoding, for each kind of tokenizer; any vocabulary is refused or works.
//
// The first byte chooses: a kind of tokenizer for the following text, or (255) a GGUF file with a vocabulary.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "base/utf8.h"
#include "model/testing/small_vocab.h"
#include "model/tokenizer/tokenizer.h"

namespace {

using namespace exogpu;
using model::TokenId;
using model::Tokenizer;

std::vector<Tokenizer> make_tokenizers() {
  std::vector<Tokenizer> made;
  auto add = [&](const model::testing::GgufWriter& writer) {
    std::vector<std::byte> bytes = writer.bytes();
    auto file = model::Gguf::parse(bytes, "vocab.gguf");
    if (!file) std::abort();
    auto tokenizer = Tokenizer::load(*file);
    if (!tokenizer) std::abort();
    made.push_back(*std::move(tokenizer));
  };
  for (const char* pre : {"default", "llama-bpe", "qwen2", "gpt-2", "deepseek-llm", "deepseek-coder", "falcon",
                          "starcoder", "refact", "mpt", "gpt-neox", "tekken", "smollm", "gpt-4o", "deepseek-v3"})
    add(model::testing::byte_pair_vocab(pre));
  add(model::testing::sentencepiece_vocab());
  add(model::testing::wordpiece_vocab());
  return made;
}

// The results for a text must be consistent, whether it is valid UTF-8 or not.
void check(const Tokenizer& tokenizer, std::string_view text, bool comes_back) {
  std::vector<TokenId> ids = tokenizer.encode(text, {.add_special = false});
  for (TokenId id : ids)
    if (id < 0 || static_cast<uint32_t>(id) >= tokenizer.size()) std::abort();
  if (comes_back && is_utf8(text) && tokenizer.decode(ids) != text) std::abort();
  model::TokenStream stream(tokenizer);
  for (TokenId id : ids)
    if (!is_utf8(stream.push(id))) std::abort();
  if (!is_utf8(stream.flush())) std::abort();
  tokenizer.encode(text, {.add_special = true, .parse_special = true});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<Tokenizer> tokenizers = make_tokenizers();
  if (size == 0) return 0;
  auto rest = std::span(data, size).subspan(1);
  if (data[0] != 255) {
    size_t kind = data[0] % tokenizers.size();
    std::string_view text(reinterpret_cast<const char*>(rest.data()), rest.size());
    // SentencePiece does not distinguish a space from U+2581; WordPiece changes texts.
    const size_t spm = tokenizers.size() - 2;
    bool comes_back = kind < spm || (kind == spm && text.find("\u2581") == text.npos);
    check(tokenizers[kind], text, comes_back);
    return 0;
  }
  auto file = model::Gguf::parse(std::as_bytes(rest), "fuzz.gguf");
  if (!file) return 0;
  if (auto tokenizer = Tokenizer::load(*file)) check(*tokenizer, "It's 12 o'clock: hello \xE6\x9D\xB1\xFF", false);
  return 0;
}
