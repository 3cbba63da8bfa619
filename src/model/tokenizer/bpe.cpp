#include "model/tokenizer/bpe.h"

#include <algorithm>

#include "base/utf8.h"
#include "model/tokenizer/spm.h"
#include "model/tokenizer/utf8.h"

namespace exogpu::model::tokenizer {
namespace {

// Up to this size scanning all pairs is faster than a heap.
constexpr size_t kShortPiece = 64;

// The byte alphabet: printable Latin-1 characters are themselves; the other bytes are, in order, U+0100 and up.
class ByteAlphabet {
 public:
  ByteAlphabet() {
    uint32_t further = 0x100;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const bool itself = (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
      const uint32_t code = itself ? byte : further++;
      append_utf8(spelling_[byte], code);
      bytes_[code] = static_cast<int16_t>(byte);
    }
  }
  const std::string& spelling(char byte) const { return spelling_[static_cast<unsigned char>(byte)]; }
  // The byte that this character stands for, or -1. Such a character has one or two bytes.
  int byte_of(std::string_view character) const {
    uint32_t code = static_cast<unsigned char>(character[0]);
    if (character.size() == 2) code = (code & 0x1F) << 6 | (static_cast<unsigned char>(character[1]) & 0x3F);
    return character.size() > 2 || code >= bytes_.size() ? -1 : bytes_[code];
  }

 private:
  std::array<std::string, 256> spelling_;
  std::array<int16_t, 0x144> bytes_ = filled();
  static constexpr std::array<int16_t, 0x144> filled() {
    std::array<int16_t, 0x144> none;
    none.fill(-1);
    return none;
  }
};

const ByteAlphabet& alphabet() {
  static const ByteAlphabet instance;
  return instance;
}

}  // namespace

std::string spelled_bytes(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    const size_t size = std::max<size_t>(utf8_length(text), 1);
    const int byte = alphabet().byte_of(text.substr(0, size));
    if (byte >= 0) {
      bytes += static_cast<char>(byte);
    } else {
      bytes += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return bytes;
}

BpeEncoder::BpeEncoder(const Vocab& vocab, const PreTokenizer& pre, Splitter splitter)
    : vocab_(&vocab), pre_(&pre), splitter_(std::move(splitter)) {
  byte_symbols_.fill(-1);
  for (size_t byte = 0; byte < 256; ++byte) {
    auto& tokens = byte_tokens_[byte];
    if (pre.raw) {
      tokens.push_back(vocab.find_byte(static_cast<unsigned char>(byte)));
    } else {
      for (char c : alphabet().spelling(static_cast<char>(byte))) tokens.push_back(vocab.find({&c, 1}));
    }
    std::erase(tokens, -1);
  }
}

Result<std::unique_ptr<BpeEncoder>> BpeEncoder::make(const Vocab& vocab, const PreTokenizer& pre, const Gguf& file) {
  EXO_TRY(Splitter splitter, Splitter::compile(pre.steps));
  auto encoder = std::unique_ptr<BpeEncoder>(new BpeEncoder(vocab, pre, std::move(splitter)));
  EXO_CHECK(encoder->read_merges(file));
  return encoder;
}

Result<void> BpeEncoder::read_merges(const Gguf& file) {
  const std::string path = file.path().string();
  const auto* merges = file.strings("tokenizer.ggml.merges");
  if (merges == nullptr && file.find("tokenizer.ggml.merges") != nullptr)
    return fail(ErrorCode::corrupt, "{}: tokenizer.ggml.merges is not an array of strings; convert the model again",
                path);
  static const std::vector<std::string> kNone;
  if (merges == nullptr && pre_->name != "kimi-k2")  // all its pieces are tokens
    return fail(ErrorCode::corrupt, "{}: tokenizer.ggml.merges is missing; convert the model again", path);
  if (merges == nullptr) merges = &kNone;

  // Texts in merges that are not tokens; they may become part of one.
  other_symbols_ = TextIndex(merges->size() * 3);
  const auto intern = [&](std::string_view text) {
    if (const TokenId token = vocab_->find(text); token >= 0) return token;
    if (const int32_t known = other_symbols_.find(text); known >= 0) return known;
    const auto symbol = static_cast<int32_t>(vocab_->size() + other_texts_.size());
    other_texts_.emplace_back(text);
    other_symbols_.add(other_texts_.back(), symbol);
    return symbol;
  };
  merges_ = PairIndex<Merge>(merges->size());
  std::string united;
  for (uint32_t rank = 0; rank < merges->size(); ++rank) {
    const std::string_view merge = (*merges)[rank];
    const size_t space = merge.find(' ', 1);
    // Ignores malformed merges.
    if (space == merge.npos || space + 1 == merge.size()) continue;
    const std::string_view left = merge.substr(0, space), right = merge.substr(space + 1);
    united.assign(left).append(right);
    const int32_t left_symbol = intern(left), right_symbol = intern(right);
    merges_.add(left_symbol, right_symbol, {rank, intern(united)});
  }
  if (!pre_->raw) {
    for (size_t byte = 0; byte < byte_symbols_.size(); ++byte) {
      const std::string& text = alphabet().spelling(static_cast<char>(byte));
      const TokenId token = vocab_->find(text);
      byte_symbols_[byte] = token >= 0 ? token : other_symbols_.find(text);
    }
  }
  return {};
}

void BpeEncoder::encode(std::string_view text, bool /*after_special*/, std::vector<TokenId>& out) const {
  std::string escaped;
  if (pre_->escapes_spaces) text = escaped = escape_spaces(text);
  const Scrubbed scrubbed(text);
  Scratch scratch;
  size_t begin = 0;
  for (size_t end : splitter_.split(scrubbed.match())) {
    const std::string_view piece = scrubbed.bytes().substr(begin, end - begin);
    begin = end;
    if (pre_->spaced_words && piece[0] != '\n' && !piece.starts_with(kEscapedSpace)) {
      encode_piece(std::string(kEscapedSpace).append(piece), scratch, out);
    } else {
      encode_piece(piece, scratch, out);
    }
  }
}

TokenId BpeEncoder::find_piece(std::string_view piece, std::string& spelled) const {
  if (piece.size() > vocab_->longest_bytes()) return -1;
  if (pre_->raw) return vocab_->find(piece);
  spelled.clear();
  for (char c : piece) spelled += alphabet().spelling(c);
  return vocab_->find(spelled);
}

void BpeEncoder::encode_piece(std::string_view piece, Scratch& scratch, std::vector<TokenId>& out) const {
  if (pre_->whole_pieces || (pre_->whole_newlines && piece.find_first_not_of('\n') == piece.npos)) {
    if (const TokenId token = find_piece(piece, scratch.spelled); token >= 0) {
      out.push_back(token);
      return;
    }
  }
  auto& symbols = scratch.list.symbols;
  symbols.clear();
  for (size_t at = 0; at < piece.size();) {
    const size_t size = pre_->raw ? std::min(length_by_lead(piece[at]), piece.size() - at) : 1;
    symbols.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(size), symbol_of(piece.substr(at, size))});
    at += size;
  }
  if (symbols.size() <= kShortPiece) {
    merge_short(scratch);
  } else {
    scratch.list.merge_all([&](const Symbol& left, const Symbol& right, Merge& merge) {
      const Merge* found = merges_.find(left.id, right.id);
      if (found != nullptr) merge = *found;
      return found != nullptr;
    });
  }
  for (const Symbol& symbol : symbols) {
    if (symbol.size == 0) continue;
    if (vocab_->has(symbol.id)) {
      out.push_back(symbol.id);
      continue;
    }
    for (char c : piece.substr(symbol.begin, symbol.size)) {
      const auto& tokens = byte_tokens_[static_cast<unsigned char>(c)];
      out.insert(out.end(), tokens.begin(), tokens.end());
    }
  }
}

int32_t BpeEncoder::symbol_of(std::string_view character) const {
  if (!pre_->raw) return byte_symbols_[static_cast<unsigned char>(character[0])];
  const TokenId token = vocab_->find(character);
  return token >= 0 ? token : other_symbols_.find(character);
}

// Removes merged symbols as it goes.
void BpeEncoder::merge_short(Scratch& scratch) const {
  auto& symbols = scratch.list.symbols;
  auto& merges = scratch.next_merges;
  const auto merge_at = [&](size_t i) { return merges_.find(symbols[i].id, symbols[i + 1].id); };
  merges.clear();
  for (size_t i = 0; i + 1 < symbols.size(); ++i) merges.push_back(merge_at(i));
  while (true) {
    size_t best = merges.size();
    uint32_t rank = UINT32_MAX;
    for (size_t i = 0; i < merges.size(); ++i) {
      if (merges[i] == nullptr || merges[i]->rank >= rank) continue;
      best = i;
      rank = merges[i]->rank;
    }
    if (best == merges.size()) return;
    symbols[best].size += symbols[best + 1].size;
    symbols[best].id = merges[best]->id;
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
    merges.erase(merges.begin() + static_cast<ptrdiff_t>(best));
    if (best < merges.size()) merges[best] = merge_at(best);
    if (best > 0) merges[best - 1] = merge_at(best - 1);
  }
}

}  // namespace exogpu::model::tokenizer
