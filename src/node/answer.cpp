#include "node/answer.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace exogpu::node {
namespace {

engine::FinishReason reason_of(wire::GenerateEnd end) {
  switch (end) {
    case wire::GenerateEnd::end_of_text: return engine::FinishReason::end_of_text;
    case wire::GenerateEnd::length: return engine::FinishReason::length;
    case wire::GenerateEnd::context_full: return engine::FinishReason::context_full;
    case wire::GenerateEnd::cancelled: break;
  }
  return engine::FinishReason::cancelled;
}

}  // namespace

Result<Answer> Answer::create(uint32_t index, const engine::GenerateOptions& options, const EncodedPrompt& prompt,
                              const model::Tokenizer& tokenizer, GenerationListener& listener) {
  std::vector<std::string> texts = options.stops;
  std::ranges::copy(prompt.end_texts, std::back_inserter(texts));
  EXO_TRY(engine::StopMatcher stops, engine::StopMatcher::create(std::move(texts)));
  Answer answer(index, options, prompt, std::move(stops), tokenizer, listener);
  answer.stats_.prompt_tokens = static_cast<uint32_t>(prompt.tokens.size());
  return answer;
}

Answer::Answer(uint32_t index, const engine::GenerateOptions& options, const EncodedPrompt& prompt,
               engine::StopMatcher stops, const model::Tokenizer& tokenizer, GenerationListener& listener)
    : index_(index),
      reports_requested_(options.sampling.logprobs.has_value()),
      only_prompt_(options.only_prompt),
      echoes_(options.echo),
      opens_thought_(prompt.opens_thought && !prompt.reading),
      echo_(prompt.echo),
      first_token_(prompt.tokens.empty() ? -1 : prompt.tokens.front()),
      adds_bos_(prompt.adds_bos),
      parser_(prompt.reading ? std::make_unique<model::AnswerParser>(prompt.reading->parser) : nullptr),
      stops_(std::move(stops)),
      stop_strings_(options.stops),
      tokenizer_(&tokenizer),
      listener_(&listener),
      stream_(tokenizer, false, prompt.reading ? prompt.reading->shown : std::vector<model::TokenId>()) {}

void Answer::pass_on(std::string text, std::vector<TokenReport> reports) {
  if (!parser_) {
    if (!text.empty() || !reports.empty()) listener_->on_piece(index_, {.text = std::move(text)}, reports);
    return;
  }
  const auto sink = [&](const model::AnswerPiece& piece) {
    listener_->on_piece(index_, piece, std::exchange(reports, {}));
  };
  parser_->push(text, sink);
  if (!reports.empty()) listener_->on_piece(index_, {}, reports);
}

TokenReport Answer::report(const wire::SampledToken& token, bool special) const {
  const auto candidate = [&](wire::TokenId id, float logprob) {
    return TokenReport::Candidate{.token = id, .bytes = tokenizer_->piece(id, special), .logprob = logprob};
  };
  TokenReport report{.chosen = candidate(token.token, token.logprob.value_or(0)), .likeliest = {}};
  for (const wire::TokenLogprob& top : token.top) report.likeliest.push_back(candidate(top.token, top.logprob));
  return report;
}

// The prompt, and what is known of its tokens now.
void Answer::echo(const pipeline::TokenEvent& event) {
  std::vector<TokenReport> reports;
  std::string text;
  if (echo_) {
    text = *std::exchange(echo_, std::nullopt);
    if (reports_requested_) {
      reports.push_back(report({.sequence = {}, .token = first_token_}, !adds_bos_));
      reports.back().begins = true;
    }
  }
  for (const wire::SampledToken& token : event.scored) reports.push_back(report(token, true));
  pass_on(std::move(text), std::move(reports));
}

bool Answer::push(const wire::SampledToken& token, bool ends_text) {
  if (ended_) return true;
  if (first_ == Clock::time_point{}) first_ = Clock::now();
  if (only_prompt_) end(engine::FinishReason::length);
  if (ended_) return true;
  if (ends_text) {
    // Who scores a prompt counts on a token behind it.
    if (echoes_ && reports_requested_) pass_on({}, {report(token)});
    return false;
  }
  ++stats_.answer_tokens;
  std::string text = stops_.push(stream_.push(token.token));
  if (opens_thought_ && stats_.answer_tokens == 1) text.insert(0, "<think>");
  std::vector<TokenReport> reports;
  if (reports_requested_) reports.push_back(report(token));
  pass_on(std::move(text), std::move(reports));
  const bool full = parser_ && parser_->is_full();
  if (!stops_.stopped() && !full) return false;
  end(full ? engine::FinishReason::end_of_text : engine::FinishReason::stop_string);
  return true;
}

bool Answer::on_event(const pipeline::TokenEvent& event) {
  if (event.prompt_reused > 0) stats_.prompt_reused = event.prompt_reused;
  if (!ended_ && (echo_ || !event.scored.empty())) echo(event);
  if (event.token && push(*event.token, event.end == wire::GenerateEnd::end_of_text)) return true;
  if (event.end) end(reason_of(*event.end));
  return ended_;
}

void Answer::end(engine::FinishReason reason) {
  if (ended_) return;
  ended_ = true;
  if (!stops_.stopped()) {
    std::string rest = stops_.push(stream_.flush());
    rest += stops_.flush();
    pass_on(std::move(rest), {});
  }
  if (parser_) parser_->finish([&](const model::AnswerPiece& piece) { listener_->on_piece(index_, piece, {}); });
  const auto now = Clock::now();
  if (first_ == Clock::time_point{}) first_ = now;
  stats_.reason = reason;
  if (const auto matched = stops_.matched(); matched && *matched < stop_strings_.size()) {
    stats_.stop = stop_strings_[*matched];
  }
  stats_.prompt_time = first_ - begun_;
  stats_.answer_time = now - first_;
  listener_->on_end(index_, stats_);
}

pipeline::Request ring_request(const EncodedPrompt& prompt, const engine::GenerateOptions& options,
                               const PromptEncoder& encoder) {
  pipeline::Request request{
      .tokens = prompt.tokens, .sampling = options.sampling, .tokens_max = options.tokens_max, .end_tokens = {}};
  request.computes_afresh = options.computes_afresh;
  if (!options.ignore_end) request.end_tokens = encoder.end_tokens();
  if (options.echo) request.prompt_logprobs = options.sampling.logprobs;
  return request;
}

}  // namespace exogpu::node
