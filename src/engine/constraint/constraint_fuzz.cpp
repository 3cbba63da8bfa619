// Any text as a schema, an expression or a grammar that an answer must have: it is refused with a reason, or each token
// that its mask allows is accepted.
//
// The first byte is the kind, the second chooses tokens. The grammar is compiled by llguidance, which this build does
// not instrument; what is made of a text before (limits, formats, marks, GBNF) is.
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "engine/constraint/token_constraint.h"
#include "model/testing/small_vocab.h"

namespace {

using namespace exogpu;

constexpr int kSteps = 24;

void check(bool holds) {
  if (!holds) std::abort();
}

std::shared_ptr<engine::ConstraintVocabulary> make_vocabulary() {
  const std::vector<std::byte> bytes = model::testing::byte_pair_vocab("qwen2").bytes();
  const auto file = model::Gguf::parse(bytes, "vocab.gguf");
  check(file.has_value());
  const auto tokenizer = model::Tokenizer::load(*file);
  check(tokenizer.has_value());
  auto vocabulary = engine::ConstraintVocabulary::of(*tokenizer);
  check(vocabulary.has_value());
  return *std::move(vocabulary);
}

// One of the tokens of a mask, by a number.
model::TokenId chosen(std::span<const uint32_t> mask, uint32_t number) {
  std::vector<model::TokenId> allowed;
  for (size_t word = 0; word < mask.size(); ++word) {
    for (uint32_t bits = mask[word]; bits != 0; bits &= bits - 1) {
      allowed.push_back(static_cast<model::TokenId>(word * 32 + static_cast<size_t>(std::countr_zero(bits))));
    }
  }
  check(!allowed.empty());
  return allowed[number % allowed.size()];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto vocabulary = make_vocabulary();
  if (size < 2) return 0;
  const auto kind = static_cast<wire::ConstraintKind>(data[0] % (std::to_underlying(wire::kConstraintKindLast) + 1));
  const std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (text.size() > wire::kConstraintBytesMax || text.contains('\0')) return 0;  // as the wire refuses it
  auto made = vocabulary->compile({.kind = kind, .text = text});
  if (!made) {
    check(made.error().code == ErrorCode::invalid_argument && !made.error().message.empty());
    return 0;
  }
  uint32_t number = data[1];
  for (int i = 0; i < kSteps; ++i) {
    const auto mask = made->mask();
    if (!mask) return 0;  // too ambiguous
    const model::TokenId token = chosen(*mask, number = number * 1'664'525 + 1'013'904'223);
    for (const model::TokenId end : made->end_tokens()) {
      if (end == token) return 0;
    }
    check(made->accept(token).has_value());
  }
  return 0;
}
