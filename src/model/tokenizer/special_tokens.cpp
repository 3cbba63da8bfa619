// Facts about special tokens that files do not contain, known from their texts or the model's name.
#include <algorithm>
#include <cctype>
#include <initializer_list>

#include "model/tokenizer/vocab.h"

namespace exogpu::model::tokenizer {
namespace {

using Texts = std::initializer_list<std::string_view>;

constexpr Texts kEndTexts = {
    "<|ifm|im_end|>",
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<eos>",
    "<turn|>",
    "[e~[",
    "<|tool_response>",
    "<end_of_utterance>",
    "<｜end▁of▁sentence｜>",
};
// Of each group the first one in the vocabulary counts, for tasks that fill in the middle of a text. Padding and the
// separators of files and repositories follow the requested text.
constexpr Texts kPadTexts = {"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"};
constexpr Texts kRepositoryTexts = {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"};
constexpr Texts kFileTexts = {"<|file_sep|>", "<|plamo:file_separator|>"};
constexpr Texts kPrefixTexts = {"<|fim_prefix|>", "<fim-prefix>",    "<fim_prefix>", "<｜fim▁begin｜>",     "<PRE>",
                                "▁<PRE>",         "<|code_prefix|>", "<|prefix|>",   "<|plamo:fim_prefix|>"};
constexpr Texts kSuffixTexts = {"<|fim_suffix|>", "<fim-suffix>",    "<fim_suffix>", "<｜fim▁hole｜>",      "<SUF>",
                                "▁<SUF>",         "<|code_suffix|>", "<|suffix|>",   "<|plamo:fim_suffix|>"};
constexpr Texts kMiddleTexts = {"<|fim_middle|>", "<fim-middle>",    "<fim_middle>", "<｜fim▁end｜>",       "<MID>",
                                "▁<MID>",         "<|code_middle|>", "<|middle|>",   "<|plamo:fim_middle|>"};
// Part of the format of the model's answers, which the reader of an answer needs.
constexpr Texts kShownTexts = {"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"};

void add_flags(Vocab& vocab, TokenId token, TokenFlags flags) { vocab.set_flags(token, vocab.flags(token) | flags); }

TokenId make_control(Vocab& vocab, Texts texts) {
  for (std::string_view text : texts) {
    const TokenId token = vocab.find(text);
    if (token < 0) continue;
    add_flags(vocab, token, kControl);
    return token;
  }
  return -1;
}

// The token with this text if it ends an answer, else -1.
TokenId find_end(const Vocab& vocab, std::string_view text) {
  const TokenId token = vocab.find(text);
  return token >= 0 && vocab.ends_answer[token] ? token : -1;
}

void unmark(Vocab& vocab, TokenId token, TokenFlags flags) {
  vocab.ends_answer[token] = false;
  vocab.set_flags(token, flags);
}

void show(Vocab& vocab, TokenId token) {
  vocab.set_flags(token, kUserDefined);
  vocab.shown_marks.push_back(token);
}

bool has_any(std::string_view text, Texts parts) {
  return std::ranges::any_of(parts, [&](std::string_view part) { return text.contains(part); });
}

}  // namespace

void mark_ends(Vocab& vocab, const EndIds& ids) {
  vocab.ends_answer.assign(vocab.size(), false);
  const auto mark = [&](TokenId token) {
    if (token >= 0) vocab.ends_answer[token] = true;
  };
  const auto id_or_text = [&](TokenId id, Texts texts) { return id >= 0 ? id : make_control(vocab, texts); };
  for (Texts texts : {kPrefixTexts, kSuffixTexts, kMiddleTexts}) make_control(vocab, texts);
  vocab.infill = {.prefix = id_or_text(ids.infill.prefix, kPrefixTexts),
                  .suffix = id_or_text(ids.infill.suffix, kSuffixTexts),
                  .middle = id_or_text(ids.infill.middle, kMiddleTexts),
                  .repository = id_or_text(ids.infill.repository, kRepositoryTexts),
                  .file = id_or_text(ids.infill.file, kFileTexts)};
  mark(id_or_text(ids.fim_pad, kPadTexts));
  mark(vocab.infill.repository);
  mark(vocab.infill.file);
  for (std::string_view text : kEndTexts) mark(make_control(vocab, {text}));
  for (std::string_view text : kShownTexts) {
    if (const TokenId token = vocab.find(text); token >= 0) show(vocab, token);
  }
  for (TokenId token : {vocab.eos, ids.eot, ids.eom}) mark(token);

  // If messages end with other tokens, <|end|> only closes one of several parts of an answer.
  const bool calls = find_end(vocab, "<|call|>") >= 0 || find_end(vocab, "<|calls|>") >= 0;
  const bool returns = find_end(vocab, "<|return|>") >= 0 || find_end(vocab, "<|flush|>") >= 0;
  if (const TokenId end = find_end(vocab, "<|end|>"); end >= 0 && calls && returns) {
    vocab.ends_answer[end] = false;
    show(vocab, end);
  }
  // In these models </s> is a tag in text.
  if (const TokenId s = find_end(vocab, "</s>"); s >= 0 && find_end(vocab, "<|tool_response>") >= 0)
    unmark(vocab, s, kNormal);
}

void mark_strips(Vocab& vocab, const Gguf& file) {
  const auto text_of = [&](std::string_view key) { return file.get_string_or(key, "").value_or(""); };
  const std::string architecture = text_of("general.architecture");
  std::string name = text_of("general.name");
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));

  if (has_any(vocab.pre(), {"jina-v2-de", "jina-v2-es", "jina-v2-code"}) ||
      has_any(architecture, {"nomic-bert-moe", "jina-bert-v3"})) {
    if (const TokenId mask = vocab.find("<mask>"); mask >= 0) add_flags(vocab, mask, kStripsLeft);
  } else if (has_any(name, {"phi-3", "phi3"})) {
    for (TokenId token = 0; vocab.has(token); ++token) {
      const std::string_view text = vocab.text(token);
      const bool special = (vocab.flags(token) & (kControl | kUserDefined | kUnknown)) != 0 || text == "</s>";
      const bool keeps = text == "<unk>" || text == "<s>" || text == "<|endoftext|>";
      if (special && !keeps) add_flags(vocab, token, kStripsRight);
    }
  } else if (has_any(name, {"modern-bert"})) {
    if (const TokenId mask = vocab.find("[MASK]"); mask >= 0) add_flags(vocab, mask, kStripsLeft);
  }
}

}  // namespace exogpu::model::tokenizer
