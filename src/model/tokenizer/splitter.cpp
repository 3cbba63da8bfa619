#include "model/tokenizer/splitter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <string>

namespace exogpu::model::tokenizer {
namespace {

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeMatch {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
using Code = std::unique_ptr<pcre2_code, FreeCode>;
using MatchData = std::unique_ptr<pcre2_match_data, FreeMatch>;

// Rewrites `\s` and `\S`, for which PCRE2 includes one character that Unicode's White_Space does not.
std::string to_pcre2(std::string_view pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    out += pattern[i];
    if (pattern[i] != '\\' || ++i == pattern.size()) continue;
    switch (pattern[i]) {
      case 's': out += "p{White_Space}"; break;
      case 'S': out += "P{White_Space}"; break;
      default: out += pattern[i];
    }
  }
  return out;
}

struct Match {
  size_t begin, end;
};

// The first match in `text` at or after `start`. A position where matching exceeds its limits counts as no match.
bool find(const pcre2_code& code, bool jit, pcre2_match_data& data, std::string_view text, size_t start, Match& match) {
  const auto* bytes = reinterpret_cast<PCRE2_SPTR>(text.data());
  int found = PCRE2_ERROR_JIT_STACKLIMIT;
  if (jit) found = pcre2_jit_match(&code, bytes, text.size(), start, 0, &data, nullptr);
  if (found == PCRE2_ERROR_JIT_STACKLIMIT)
    found = pcre2_match(&code, bytes, text.size(), start, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, &data, nullptr);
  if (found <= 0) return false;
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(&data);
  match = {offsets[0], offsets[1]};
  return true;
}

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// The begins (except one at the start) or ends of the groups of three characters, counted from the right, in a run of
// digits.
void cut_digits(std::string_view text, Match run, bool before, size_t offset, std::vector<size_t>& ends) {
  size_t digits = 0;
  for (size_t i = run.begin; i < run.end; ++i) digits += continues_character(text[i]) ? 0 : 1;
  for (size_t i = run.begin, remaining = digits; i <= run.end; ++i) {
    if (i < run.end && continues_character(text[i])) continue;
    const bool cut = before ? remaining % 3 == 0 && remaining > 0 : remaining % 3 == 0 && remaining < digits;
    if (cut && i > 0) ends.push_back(offset + i);
    --remaining;
  }
}

}  // namespace

struct Splitter::Step {
  Cut cut;
  Code code;
  bool jit = false;

  // Appends the ends of the parts of the piece [begin, end) of `text`.
  void split(std::string_view text, size_t begin, size_t end, pcre2_match_data& data, std::vector<size_t>& ends) const {
    const std::string_view piece = text.substr(begin, end - begin);
    Match match;
    for (size_t at = 0; at < piece.size() && find(*code, jit, data, piece, at, match); at = match.end) {
      switch (cut) {
        case Cut::end:
          if (match.end < piece.size()) break;
          [[fallthrough]];
        case Cut::matches:
          if (match.begin > (ends.empty() ? 0 : ends.back()) - begin) ends.push_back(begin + match.begin);
          ends.push_back(begin + match.end);
          break;
        case Cut::digits_before: cut_digits(piece, match, true, begin, ends); break;
        case Cut::digits_after: cut_digits(piece, match, false, begin, ends); break;
      }
    }
    if (ends.empty() || ends.back() < end) ends.push_back(end);
  }
};

Splitter::Splitter(std::vector<Step> steps) : steps_(std::move(steps)) {}
Splitter::Splitter(Splitter&&) noexcept = default;
Splitter& Splitter::operator=(Splitter&&) noexcept = default;
Splitter::~Splitter() = default;

Result<Splitter> Splitter::compile(std::span<const CutStep> steps) {
  std::vector<Step> compiled;
  for (const CutStep& step : steps) {
    const std::string pattern = to_pcre2(step.pattern);
    int error = 0;
    PCRE2_SIZE where = 0;
    Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF | PCRE2_UCP, &error,
                            &where, nullptr));
    if (code == nullptr)
      return fail(ErrorCode::internal, "pre-tokenizer pattern {}: PCRE2 error {} at {}; the installed PCRE2 is too old",
                  pattern, error, where);
    const bool jit = pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE) == 0;
    compiled.push_back({step.cut, std::move(code), jit});
  }
  return Splitter(std::move(compiled));
}

std::vector<size_t> Splitter::split(std::string_view text) const {
  std::vector<size_t> ends, next;
  if (text.empty()) return ends;
  ends.push_back(text.size());
  for (const Step& step : steps_) {
    const MatchData data(pcre2_match_data_create_from_pattern(step.code.get(), nullptr));
    if (data == nullptr) return ends;
    next.clear();
    size_t begin = 0;
    for (size_t end : ends) {
      step.split(text, begin, end, *data, next);
      begin = end;
    }
    ends.swap(next);
  }
  return ends;
}

}  // namespace exogpu::model::tokenizer
