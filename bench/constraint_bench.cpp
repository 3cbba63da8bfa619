// The cost of giving answers a form, over the vocabulary of a model file.
//
// usage: constraint_bench MODEL.gguf [SCHEMAS]
//   SCHEMAS   a file with a JSON schema in each line (constraint_schemas.py makes one); else a few of its own
//
// For each schema it compiles the constraint and writes three random texts with it; of all of them it prints the time
// to compile, the time of a mask, and what a vocabulary costs.
#include <algorithm>
#include <bit>
#include <chrono>
#include <fstream>
#include <print>
#include <string>
#include <vector>

#include "base/rng.h"
#include "engine/constraint/token_constraint.h"
#include "model/gguf.h"

namespace exogpu {
namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

constexpr size_t kTokensMax = 300;
constexpr uint64_t kTexts = 3;
constexpr const char* kSchemas[] = {
    R"({"type": "object"})",
    R"({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0},
        "email": {"type": "string", "format": "email"}}, "required": ["name", "age"], "additionalProperties": false})",
    R"({"type": "array", "items": {"type": "object", "properties": {"kind": {"enum": ["a", "b", "c"]},
        "text": {"type": "string", "maxLength": 200}, "at": {"type": "string", "format": "date-time"}},
        "required": ["kind", "text", "at"], "additionalProperties": false}, "minItems": 1})",
};

struct Times {
  std::vector<double> us;
  void add(Clock::duration time) { us.push_back(Microseconds(time).count()); }
  void print(const char* name) {
    std::ranges::sort(us);
    const auto at = [&](double share) { return us[static_cast<size_t>(share * static_cast<double>(us.size() - 1))]; };
    std::println("{:<10} {:>8} times   median {:8.1f} us   p99 {:8.1f} us   p99.9 {:8.1f} us   max {:8.1f} us", name,
                 us.size(), at(0.5), at(0.99), at(0.999), at(1));
  }
};

void write_text(engine::TokenConstraint constraint, const model::Tokenizer& tokenizer, uint64_t seed, Times& masks,
                Times& accepts) {
  std::vector<model::TokenId> allowed;
  for (size_t i = 0; i < kTokensMax; ++i) {
    const auto begin = Clock::now();
    const auto mask = constraint.mask();
    masks.add(Clock::now() - begin);
    if (!mask) return std::println("no mask: {}", mask.error().message);
    allowed.clear();
    for (size_t word = 0; word < mask->size(); ++word) {
      for (uint32_t bits = (*mask)[word]; bits != 0; bits &= bits - 1) {
        allowed.push_back(static_cast<model::TokenId>(word * 32 + static_cast<size_t>(std::countr_zero(bits))));
      }
    }
    const auto index = static_cast<size_t>(random_unit(seed, i) * static_cast<double>(allowed.size()));
    if (tokenizer.is_end(allowed[index])) return;
    const auto accepting = Clock::now();
    if (!constraint.accept(allowed[index])) return std::println("token {} is not accepted", allowed[index]);
    accepts.add(Clock::now() - accepting);
  }
}

int run(const std::string& model, const std::string& schemas_path) {
  const auto file = model::Gguf::open(model);
  if (!file) return std::println(stderr, "{}", file.error().message), 1;
  const auto tokenizer = model::Tokenizer::load(*file);
  if (!tokenizer) return std::println(stderr, "{}", tokenizer.error().message), 1;
  const auto begin = Clock::now();
  const auto vocabulary = engine::ConstraintVocabulary::of(*tokenizer);
  if (!vocabulary) return std::println(stderr, "{}", vocabulary.error().message), 1;
  std::println("{} tokens; the vocabulary was made in {:.0f} ms", (*vocabulary)->size(),
               Microseconds(Clock::now() - begin).count() / 1000);
  std::vector<std::string> schemas(std::begin(kSchemas), std::end(kSchemas));
  if (std::ifstream lines(schemas_path); lines) {
    schemas.clear();
    for (std::string line; std::getline(lines, line);) schemas.push_back(line);
  }
  Times compiles, masks, accepts;
  size_t refused = 0;
  for (size_t i = 0; i < schemas.size(); ++i) {
    const auto compiling = Clock::now();
    auto constraint = (*vocabulary)->compile({.kind = wire::ConstraintKind::json_schema, .text = schemas[i]});
    compiles.add(Clock::now() - compiling);
    if (!constraint) {
      if (++refused <= 5) std::println("refused: {}", constraint.error().message);
      continue;
    }
    for (uint64_t text = 0; text < kTexts; ++text) {
      write_text(*constraint, *tokenizer, kTexts * i + text, masks, accepts);
    }
  }
  std::println("{} schemas, of which {} were refused", schemas.size(), refused);
  compiles.print("compile");
  masks.print("mask");
  accepts.print("accept");
  return 0;
}

}  // namespace
}  // namespace exogpu

int main(int argc, char** argv) {
  if (argc < 2) return std::println(stderr, "usage: constraint_bench MODEL.gguf [SCHEMAS]"), 2;
  return exogpu::run(argv[1], argc > 2 ? argv[2] : "");
}
