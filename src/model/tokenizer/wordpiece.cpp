#include "model/tokenizer/wordpiece.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <span>

#include "model/tokenizer/spm.h"
#include "model/tokenizer/utf8.h"

namespace exogpu::model::tokenizer {
namespace {

enum class Role { text, space, alone, dropped, mark };

struct CodeRange {
  int32_t first, last;
};
// The last block begins at U+2B920, as in the tokenizer that the models were trained with, and not at U+2B820.
constexpr CodeRange ideographs[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},   {0x20000, 0x2A6DF},
                                    {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};

Role role_of(int32_t code) {
  if ((code >= 0x09 && code <= 0x0D) || code == 0x85) return Role::space;
  if (code == 0xFFFD) return Role::dropped;
  if (std::ranges::any_of(ideographs, [code](CodeRange r) { return code >= r.first && code <= r.last; }))
    return Role::alone;
  switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return Role::space;
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO: return Role::dropped;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return Role::mark;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return Role::alone;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO: return code < 0x7F ? Role::alone : Role::text;
    default: return Role::text;
  }
}

// Canonically decomposed: at most this many.
constexpr size_t parts_max = 32;

// The codes that a character decomposes into; `code` itself unless `decompose`.
std::span<const int32_t> parts_of(int32_t code, bool decompose, std::array<int32_t, parts_max>& room) {
  room[0] = code;
  if (!decompose || code < 0x80) return std::span(room).first(1);
  int boundary = 0;
  const auto count = utf8proc_decompose_char(code, room.data(), parts_max, UTF8PROC_DECOMPOSE, &boundary);
  return std::span(room).first(count > 0 && count <= static_cast<utf8proc_ssize_t>(parts_max) ? count : 1);
}

class Words {
 public:
  void add(int32_t code, const WordNormalizer& how) {
    const Role role = role_of(code);
    if (role == Role::dropped || (role == Role::mark && how.strip_accents)) return;
    if (role == Role::space || role == Role::alone) end();
    if (role == Role::space) return;
    append_utf8(word_, static_cast<uint32_t>(how.lowercase ? utf8proc_tolower(code) : code));
    if (role == Role::alone) end();
  }
  void end() {
    if (!word_.empty()) words_.push_back(std::move(word_));
    word_.clear();
  }
  std::vector<std::string> take() && { return std::move(words_); }

 private:
  std::vector<std::string> words_;
  std::string word_;
};

}  // namespace

Result<WordNormalizer> WordNormalizer::read(const Gguf& file) {
  WordNormalizer read;
  EXO_TRY(read.lowercase, file.get_bool_or("tokenizer.ggml.normalizer.lowercase", true));
  EXO_TRY(read.strip_accents, file.get_bool_or("tokenizer.ggml.normalizer.strip_accents", read.lowercase));
  return read;
}

std::vector<std::string> WordNormalizer::words(std::string_view text) const {
  Words words;
  std::array<int32_t, parts_max> room{};
  while (!text.empty()) {
    int32_t code = -1;
    const auto size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                       static_cast<utf8proc_ssize_t>(text.size()), &code);
    text.remove_prefix(size > 0 ? static_cast<size_t>(size) : 1);
    if (size <= 0) continue;
    for (const int32_t part : parts_of(code, strip_accents, room)) words.add(part, *this);
  }
  words.end();
  return std::move(words).take();
}

bool WordPieceEncoder::spell(std::string_view word, std::vector<TokenId>& out) const {
  while (!word.empty()) {
    size_t size = std::min(word.size(), vocab_->longest_bytes());
    TokenId token = -1;
    for (; size > 0; --size)
      if (token = vocab_->find(word.substr(0, size)); token >= 0) break;
    if (token < 0) return false;
    out.push_back(token);
    word.remove_prefix(size);
  }
  return true;
}

void WordPieceEncoder::encode(std::string_view text, bool, std::vector<TokenId>& out) const {
  for (const std::string& word : normalizer_.words(text)) {
    const size_t before = out.size();
    if (spell(std::string(kEscapedSpace) + word, out)) continue;
    out.resize(before);
    if (vocab_->unknown >= 0) out.push_back(vocab_->unknown);
  }
}

}  // namespace exogpu::model::tokenizer
