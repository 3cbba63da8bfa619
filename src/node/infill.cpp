#include "node/infill.h"

namespace exogpu::node {
namespace {

class InfillTokenList {
 public:
  explicit InfillTokenList(const model::Tokenizer& tokenizer) : tokenizer_(tokenizer) {
    if (tokenizer.adds_bos()) tokens_.push_back(tokenizer.bos());
  }

  void mark(model::TokenId token) { tokens_.push_back(token); }
  void text(std::string_view text) {
    const auto encoded = tokenizer_.encode(text, {.add_special = false, .parse_special = false});
    tokens_.insert(tokens_.end(), encoded.begin(), encoded.end());
  }
  std::vector<model::TokenId> take() { return std::move(tokens_); }

 private:
  const model::Tokenizer& tokenizer_;
  std::vector<model::TokenId> tokens_;
};

void add_files(const InfillPrompt& prompt, const model::InfillTokens& marks, InfillTokenList& tokens) {
  if (prompt.files.empty()) return;
  if (marks.file < 0) {
    for (const InfillPrompt::File& file : prompt.files) tokens.text("--- " + file.name + " ---\n" + file.text + "\n");
    return;
  }
  if (marks.repository >= 0) {
    tokens.mark(marks.repository);
    tokens.text("project\n");
  }
  for (const InfillPrompt::File& file : prompt.files) {
    tokens.mark(marks.file);
    tokens.text(file.name + "\n" + file.text + "\n");
  }
  tokens.mark(marks.file);
  tokens.text("current\n");
}

}  // namespace

Result<std::vector<model::TokenId>> encode_infill(const InfillPrompt& prompt, const model::Tokenizer& tokenizer) {
  const model::InfillTokens& marks = tokenizer.infill_tokens();
  if (!marks.complete()) {
    return fail(ErrorCode::unsupported,
                "the model cannot fill in the middle of a text: its vocabulary has no tokens for prefix, suffix and "
                "middle; serve one that is trained for it, such as a coder model");
  }
  InfillTokenList tokens(tokenizer);
  add_files(prompt, marks, tokens);
  tokens.mark(marks.prefix);
  tokens.text(prompt.prefix);
  tokens.mark(marks.suffix);
  tokens.text(prompt.suffix);
  tokens.mark(marks.middle);
  tokens.text(prompt.start);
  return tokens.take();
}

}  // namespace exogpu::node
