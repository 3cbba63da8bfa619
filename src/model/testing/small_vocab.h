// Small vocabularies of each kind of tokenizer, for tests and fuzzing: all bytes, a few words, some special tokens.
#pragma once

#include <format>
#include <string>
#include <vector>

#include "model/gguf.h"
#include "model/testing/gguf_writer.h"

namespace exogpu::model::testing {

// Ids of the special tokens, in both kinds.
constexpr int32_t kUnknownId = 0;
constexpr int32_t kBosId = 1;
constexpr int32_t kEosId = 2;

inline std::string utf8_of(uint32_t below_0x800) {
  if (below_0x800 < 0x80) return {static_cast<char>(below_0x800)};
  return {static_cast<char>(0xC0 | below_0x800 >> 6), static_cast<char>(0x80 | (below_0x800 & 0x3F))};
}

// The byte alphabet: printable bytes are themselves, the others are U+0100 and up, in order.
inline std::vector<std::string> byte_alphabet() {
  std::vector<std::string> spelled;
  uint32_t next = 256;
  for (uint32_t b = 0; b < 256; ++b) {
    bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    spelled.push_back(utf8_of(printable ? b : next++));
  }
  return spelled;
}

inline GgufWriter vocab_head(const char* model) {
  GgufWriter writer;
  writer.meta("tokenizer.ggml.model", model);
  writer.meta("tokenizer.ggml.unknown_token_id", uint32_t{kUnknownId});
  writer.meta("tokenizer.ggml.bos_token_id", uint32_t{kBosId}).meta("tokenizer.ggml.eos_token_id", uint32_t{kEosId});
  return writer;
}

// Byte-level pairs with the rules of `pre`. Three special tokens, 256 bytes, then "he", "ll", "hell", "hello".
inline GgufWriter byte_pair_vocab(std::string_view pre) {
  std::vector<std::string> tokens = {"<unk>", "<s>", "<|im_end|>"};
  std::vector<int32_t> types(3, 3);
  for (const std::string& byte : byte_alphabet()) tokens.push_back(byte);
  for (const char* word : {"he", "ll", "hell", "hello"}) tokens.emplace_back(word);
  types.resize(tokens.size(), 1);
  GgufWriter writer = vocab_head("gpt2");
  writer.meta("tokenizer.ggml.pre", pre).array("tokenizer.ggml.tokens", tokens);
  writer.array("tokenizer.ggml.token_type", types);
  writer.array("tokenizer.ggml.merges", std::vector<std::string>{"h e", "l l", "he ll", "hell o"});
  return writer;
}

// SentencePiece style. Three special tokens, 256 byte tokens, then "\u2581", letters and "\u2581hello".
inline GgufWriter sentencepiece_vocab() {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  std::vector<int32_t> types = {2, 3, 3};
  for (int b = 0; b < 256; ++b) {
    tokens.push_back(std::format("<0x{:02X}>", b));
    types.push_back(6);
  }
  for (const char* piece : {"\u2581", "h", "e", "l", "o", "he", "ll", "hell", "hello", "\u2581hello"})
    tokens.emplace_back(piece);
  types.resize(tokens.size(), 1);
  std::vector<float> scores(tokens.size(), 0);
  for (size_t i = 259; i < tokens.size(); ++i) scores[i] = -1.0F / static_cast<float>(tokens[i].size());
  GgufWriter writer = vocab_head("llama");
  writer.array("tokenizer.ggml.tokens", tokens).array("tokenizer.ggml.token_type", types);
  writer.array("tokenizer.ggml.scores", scores);
  return writer;
}

// WordPiece. [UNK], [CLS] and [SEP], then a few words and pieces.
inline GgufWriter wordpiece_vocab() {
  std::vector<std::string> tokens = {"[UNK]", "[CLS]", "[SEP]", "\u2581hello", "\u2581he",
                                     "llo",   "l",     "o",     "\u2581,",     "\u2581e"};
  std::vector<int32_t> types(3, 3);
  types.resize(tokens.size(), 1);
  GgufWriter writer = vocab_head("bert");
  writer.meta("tokenizer.ggml.seperator_token_id", uint32_t{kEosId});
  writer.array("tokenizer.ggml.tokens", tokens).array("tokenizer.ggml.token_type", types);
  return writer;
}

}  // namespace exogpu::model::testing
