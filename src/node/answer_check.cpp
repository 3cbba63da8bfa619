#include "node/answer_check.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/chain.h"
#include "pipeline/input_sketch.h"

namespace exogpu::node {
namespace {

constexpr uint32_t kBatchTokens = 64;  // each has a row of logits
constexpr uint32_t kRowsMin = 4;       // fewer say nothing
constexpr uint32_t kTokensMin = 8;
// Rounding of activations and caches in other types and kernels makes 0.01 or less.
constexpr double kDifferenceMax = 0.1;
constexpr double kSurpriseMax = 1;  // nats a token
constexpr double kDeviationsMax = 5;

// Whether the likeliest tokens are those of the logits: they are not where a request changes these before it samples.
bool samples_as_computed(const wire::SamplerSettings& settings) {
  return settings.repeat_penalty == 1 && settings.presence_penalty == 0 && settings.frequency_penalty == 0 &&
         settings.logit_bias.empty() && !settings.constraint;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

// What is compared while the answer is computed.
class Comparison {
 public:
  Comparison(const pipeline::AnswerRecord& record, size_t stages, uint32_t width)
      : record_(record), width_(width), differences_(stages) {
    for (const pipeline::SketchedRow& row : record.rows)
      if (row.stage < stages) rows_.emplace(row.position, &row);
  }

  // Of the tokens from `position` on.
  void on_activations(size_t stage, uint32_t position, std::span<const float> activations) {
    const auto end = position + static_cast<uint32_t>(activations.size() / width_);
    for (auto at = rows_.lower_bound(position); at != rows_.end() && at->first < end; ++at) {
      const pipeline::SketchedRow& row = *at->second;
      if (row.stage != stage + 1) continue;
      const auto own = activations.subspan(size_t{row.position - position} * width_, width_);
      differences_[stage].push_back(
          pipeline::sketch_difference(pipeline::project(own, row.seed, row.span), row.values));
    }
  }

  // Behind the token at `position`.
  void on_logits(uint32_t position, std::span<const float> logits) {
    const size_t next = size_t{position} + 1;
    if (next < record_.prompt_tokens || next >= record_.tokens.size()) return;
    if (samples_as_computed(record_.sampling))
      surprise_.add(logits, record_.tokens[next], record_.sampling.temperature);
  }

  AnswerCheck result() const {
    AnswerCheck check;
    for (const std::vector<double>& of_stage : differences_) {
      StageCheck& stage = check.stages.emplace_back();
      stage.rows = static_cast<uint32_t>(of_stage.size());
      if (of_stage.empty()) continue;
      stage.difference = median(of_stage);
      stage.differs = stage.rows >= kRowsMin && stage.difference > kDifferenceMax;
    }
    check.stages.back() = {
        .rows = surprise_.tokens(), .difference = surprise_.mean(), .differs = surprise_.implausible()};
    return check;
  }

 private:
  const pipeline::AnswerRecord& record_;
  uint32_t width_;
  std::multimap<uint32_t, const pipeline::SketchedRow*> rows_;  // by position
  std::vector<std::vector<double>> differences_;                // by stage
  Surprise surprise_;
};

}  // namespace

std::optional<uint32_t> AnswerCheck::differs() const {
  const auto found = std::ranges::find(stages, true, &StageCheck::differs);
  if (found == stages.end()) return std::nullopt;
  return static_cast<uint32_t>(found - stages.begin());
}

// The entropy of the distribution is the expected surprise, and that of the likeliest token, which greedy sampling
// chooses, is never above it. At a temperature below 1 the tokens are no more surprising than at 1, so that counts.
void Surprise::add(std::span<const float> logits, wire::TokenId token, float temperature) {
  if (token < 0 || static_cast<size_t>(token) >= logits.size()) return;
  const double t = std::max(1.0, double{temperature});
  const double most = *std::ranges::max_element(logits);
  double sum = 0, first = 0, second = 0;
  for (const float logit : logits) {
    const double x = (logit - most) / t;
    const double weight = std::exp(x);
    sum += weight;
    first += weight * x;
    second += weight * x * x;
  }
  const double mean = first / sum;
  ++tokens_;
  sum_ += mean - (logits[static_cast<size_t>(token)] - most) / t;
  variance_ += second / sum - mean * mean;
}

bool Surprise::implausible() const {
  return tokens_ >= kTokensMin && mean() > kSurpriseMax && sum_ > kDeviationsMax * std::sqrt(variance_);
}

Result<AnswerCheck> check_answer(const model::Gguf& file, const pipeline::AnswerRecord& record,
                                 const AnswerCheckOptions& options, const std::stop_token& stop) {
  const auto count = std::min(static_cast<uint32_t>(record.tokens.size()), kCheckedTokens);
  const uint32_t batch = std::min(kBatchTokens, count);
  const engine::ShardOptions shard{.context = std::max(options.context, count),
                                   .batch_tokens = batch,
                                   .outputs = batch,
                                   .kv_type = engine::KvType::f32,
                                   .weight_budget = options.weight_budget,
                                   .threads = options.threads};
  EXO_TRY(auto chain, engine::Chain::load(file, options.cuts, *options.device, shard, {}, stop));
  Comparison comparison(record, options.cuts.size() + 1, chain.architecture().activation_width());
  for (uint32_t at = 0; at < count; at += batch) {
    if (stop.stop_requested()) return fail(ErrorCode::cancelled, "the check was cancelled");
    const uint32_t part = std::min(batch, count - at);
    const engine::SequenceTokens next = {wire::SeqId(0), at, part, part};
    EXO_TRY(const std::span<const float> logits,
            chain.forward({{&next, 1}, std::span(record.tokens).subspan(at, part), {}},
                          [&](size_t stage, std::span<const float> activations) {
                            comparison.on_activations(stage, at, activations);
                          }));
    const size_t n_vocab = logits.size() / part;
    for (uint32_t i = 0; i < part; ++i) comparison.on_logits(at + i, logits.subspan(i * n_vocab, n_vocab));
  }
  return comparison.result();
}

}  // namespace exogpu::node
