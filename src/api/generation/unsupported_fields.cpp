#include "api/generation/unsupported_fields.h"

#include <algorithm>
#include <array>

namespace exogpu::api {

using json = nlohmann::ordered_json;

namespace {

// A field that changes the answer, and a JSON array of the values with which it changes nothing; null and absent change
// nothing in any case.
struct Unsupported {
  const char* name;
  const char* neutral;
};

constexpr auto kFields = std::to_array<Unsupported>({
    {"min_tokens", "[0]"},
    {"stop_token_ids", "[[]]"},
    {"bad_words", "[[]]"},
    {"allowed_token_ids", "[[]]"},
    {"logits_processors", "[[]]"},
    {"include_stop_str_in_output", "[false]"},
    {"skip_special_tokens", "[true]"},
    {"truncate_prompt_tokens", "[]"},
    {"use_beam_search", "[false]"},
    {"length_penalty", "[1]"},
    {"no_repeat_ngram_size", "[0]"},
    {"top_a", "[0]"},
    {"tfs_z", "[1]"},
    {"mirostat", "[0]"},
    {"mirostat_mode", "[0]"},
    {"dry_multiplier", "[0]"},
    {"xtc_probability", "[0]"},
    {"dynatemp_range", "[0]"},
    {"top_n_sigma", "[-1, 0]"},
    {"smoothing_factor", "[0]"},
    {"guidance_scale", "[1]"},
    {"modalities", R"([["text"], []])"},
    {"web_search_options", "[]"},
});

bool is_neutral(const json& value, const Unsupported& field) {
  return std::ranges::contains(json::parse(field.neutral), value);
}

}  // namespace

Parsed<void> refuse_unsupported_fields(const Fields& fields) {
  for (const Unsupported& field : kFields) {
    const json* value = fields.find(field.name);
    if (!value || is_neutral(*value, field)) continue;
    return bad_field(fields.name(field.name), "unsupported_parameter", "is not supported; leave it out");
  }
  return {};
}

}  // namespace exogpu::api
