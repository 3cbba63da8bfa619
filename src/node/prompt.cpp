#include "node/prompt.h"

#include <format>
#include <string_view>
#include <utility>

#include "model/answer/forced_calls.h"
#include "model/base_model.h"
#include "model/consistency.h"
#include "node/infill.h"

namespace exogpu::node {
namespace {

// A prompt that ends with an opened thought has the model write only its rest.
bool ends_in_thought(std::string_view prompt) {
  while (!prompt.empty() && (prompt.back() == '\n' || prompt.back() == ' ')) prompt.remove_suffix(1);
  return prompt.ends_with("<think>");
}

// The marks of ChatML that are ordinary text for this model.
std::vector<std::string> textual_marks(const model::Tokenizer& tokenizer) {
  std::vector<std::string> marks;
  for (const char* mark : {"<|im_end|>", "<|im_start|>"}) {
    if (tokenizer.encode(mark, {.add_special = false, .parse_special = true}).size() != 1) marks.emplace_back(mark);
  }
  return marks;
}

// Those of the texts that are one special token.
std::vector<model::TokenId> single_tokens(const model::Tokenizer& tokenizer,
                                          const std::vector<std::string_view>& texts) {
  std::vector<model::TokenId> tokens;
  for (const std::string_view text : texts) {
    const auto encoded = tokenizer.encode(text, {.add_special = false, .parse_special = true});
    if (encoded.size() == 1 && tokenizer.is_special(encoded.front())) tokens.push_back(encoded.front());
  }
  return tokens;
}

std::string source_of(const Result<model::ChatTemplate>& chat_template) {
  return chat_template ? chat_template->source() : std::string();
}

Error without_template(const Error& why) {
  return {ErrorCode::unsupported,
          why.message +
              "; the model cannot hold conversations with it: give another with --chat-template FILE, or "
              "continue texts"};
}

}  // namespace

Result<std::unique_ptr<PromptEncoder>> PromptEncoder::load(const model::Gguf& file,
                                                           const std::optional<model::TemplateText>& chat_template) {
  EXO_TRY(model::Tokenizer tokenizer, model::Tokenizer::load(file));
  auto loaded = model::ChatTemplate::load(file, {}, chat_template);
  if (!loaded && chat_template) return std::unexpected(std::move(loaded).error());
  if (!loaded) loaded = std::unexpected(without_template(loaded.error()));
  std::vector<std::string> warnings;
  for (const std::string& sentence : model::contradictions(file)) {
    warnings.push_back(std::format("{}: {}", file.path().string(), sentence));
  }
  const std::string base_sign = chat_template ? "" : model::base_model_sign(file);
  if (!loaded) warnings.push_back(loaded.error().message);
  if (!base_sign.empty()) {
    warnings.push_back(std::format(
        "{}: seems to be a base model: {}. It continues texts, and answers of a chat may make little sense{}",
        file.path().string(), base_sign,
        loaded && loaded->is_default() ? "; ChatML is used (--chat-template FILE gives another)" : ""));
  }
  std::unique_ptr<PromptEncoder> encoder(new PromptEncoder(std::move(tokenizer), std::move(loaded)));
  encoder->warnings_ = std::move(warnings);
  encoder->details_ = model_details(file, encoder->tokenizer_, chat_template ? &chat_template->text : nullptr);
  return encoder;
}

PromptEncoder::PromptEncoder(model::Tokenizer tokenizer, Result<model::ChatTemplate> chat_template)
    : tokenizer_(std::move(tokenizer)), template_(std::move(chat_template)), guard_(tokenizer_, source_of(template_)) {
  if (template_ && template_->is_default()) end_texts_ = textual_marks(tokenizer_);
  if (template_) form_ = model::AnswerForm::of(source_of(template_));
  shown_ = single_tokens(tokenizer_, form_.marks(false));
  shown_with_calls_ = single_tokens(tokenizer_, form_.marks(true));
  for (uint32_t token = 0; token < tokenizer_.size(); ++token) {
    if (tokenizer_.is_end(static_cast<model::TokenId>(token))) {
      end_tokens_.push_back(static_cast<model::TokenId>(token));
    }
  }
}

Result<model::GuardedPrompt> PromptEncoder::render_guarded(const model::ChatRequest& request) {
  const MutexLock lock(mutex_);
  if (!template_) return std::unexpected(template_.error());
  auto rendered = template_->render_adapted(
      request, [this](std::string_view text, bool by_assistant) { return guard_.protect(text, by_assistant); });
  // Of a node, resource_exhausted means a prompt that is too long.
  if (!rendered && rendered.error().code == ErrorCode::resource_exhausted) {
    rendered.error().code = ErrorCode::invalid_argument;
  }
  return std::move(rendered).transform(model::TextGuard::take_apart);
}

Result<std::string> PromptEncoder::render(const model::ChatRequest& request) {
  EXO_TRY(model::GuardedPrompt prompt, render_guarded(request));
  return std::move(prompt.text);
}

Result<EncodedPrompt> PromptEncoder::encode_chat(const model::ChatRequest& request) {
  EXO_TRY(const model::GuardedPrompt rendered, render_guarded(request));
  // Most templates write BOS themselves; a second one would confuse the model.
  EncodedPrompt prompt{.tokens = tokenizer_.encode(
                           rendered.text, {.add_special = false, .parse_special = true, .guards = rendered.guards}),
                       .opens_thought = ends_in_thought(rendered.text),
                       .end_texts = end_texts_,
                       .reading = reading_of(request, rendered.text)};
  if (request.must_call) {
    const model::ForcedCalls calls{
        .tools_json = request.tools_json, .name = request.must_call_name, .one = request.calls_max == 1};
    EXO_TRY(std::string tag, model::structural_tag(form_, calls));
    prompt.constraint = wire::Constraint{.kind = wire::ConstraintKind::structural_tag, .text = std::move(tag)};
  }
  if (tokenizer_.adds_bos() && (prompt.tokens.empty() || prompt.tokens.front() != tokenizer_.bos())) {
    prompt.tokens.insert(prompt.tokens.begin(), tokenizer_.bos());
  }
  return prompt;
}

AnswerReading PromptEncoder::reading_of(const model::ChatRequest& request, std::string_view prompt) const {
  const bool begun = !request.answer_so_far.empty();
  AnswerReading reading{
      .parser = {.form = form_,
                 .tools = model::tool_shapes(request.tools_json),
                 .reasoning_close = std::string(begun ? model::unclosed_reasoning(request.answer_so_far)
                                                      : model::open_reasoning(prompt)),
                 .calls_max = request.calls_max},
      .shown = {}};
  reading.shown = reading.parser.tools.empty() ? shown_ : shown_with_calls_;
  return reading;
}

Result<EncodedPrompt> PromptEncoder::encode(const Prompt& prompt) {
  EncodedPrompt encoded;
  if (const auto* chat = std::get_if<model::ChatRequest>(&prompt)) {
    EXO_TRY(encoded, encode_chat(*chat));
  } else if (const auto* text = std::get_if<std::string>(&prompt)) {
    encoded.tokens = tokenizer_.encode(*text, {.add_special = true, .parse_special = true});
  } else if (const auto* infill = std::get_if<InfillPrompt>(&prompt)) {
    EXO_TRY(encoded.tokens, encode_infill(*infill, tokenizer_));
  } else {
    encoded.tokens = std::get<std::vector<model::TokenId>>(prompt);
    EXO_CHECK(check_tokens(encoded.tokens));
  }
  if (encoded.tokens.empty()) return fail(ErrorCode::invalid_argument, "the prompt is empty");
  return encoded;
}

Result<std::string> PromptEncoder::detokenize(std::span<const model::TokenId> tokens) const {
  EXO_CHECK(check_tokens(tokens));
  return tokenizer_.decode(tokens, true);
}

Result<void> PromptEncoder::check_tokens(std::span<const model::TokenId> tokens) const {
  for (const model::TokenId token : tokens) {
    if (token < 0 || static_cast<uint32_t>(token) >= tokenizer_.size()) {
      return fail(ErrorCode::invalid_argument, "token {} is not one of the model's {}", token, tokenizer_.size());
    }
  }
  return {};
}

Result<std::shared_ptr<engine::ConstraintVocabulary>> PromptEncoder::constraints() const {
  const MutexLock lock(constraints_mutex_);
  if (!constraints_) {
    EXO_TRY(constraints_, engine::ConstraintVocabulary::of(tokenizer_));
  }
  return constraints_;
}

Result<void> PromptEncoder::constrain(const engine::GenerateOptions& options, EncodedPrompt& prompt) const {
  if (!options.sampling.constraint) return {};
  if (options.ignore_end) {
    return fail(ErrorCode::invalid_argument,
                "ignore_eos cannot be combined with a form of the answer, which decides where the answer ends");
  }
  EXO_TRY(const auto vocabulary, constraints());
  EXO_CHECK(vocabulary->compile(*options.sampling.constraint));
  prompt.end_texts.clear();
  std::string close = prompt.opens_thought ? "</think>" : "";
  if (prompt.reading) close = std::exchange(prompt.reading->parser.reasoning_close, {});
  prompt.opens_thought = false;
  if (close.empty()) return {};
  const auto closing = tokenizer_.encode("\n" + close + "\n\n", {.add_special = false, .parse_special = true});
  prompt.tokens.insert(prompt.tokens.end(), closing.begin(), closing.end());
  return {};
}

}  // namespace exogpu::node
