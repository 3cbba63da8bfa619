#include "node/request_counter.h"

#include <chrono>
#include <optional>
#include <utility>

namespace exogpu::node {

using RequestClock = std::chrono::steady_clock;

class RequestCounter::Listener final : public GenerationListener {
 public:
  Listener(std::shared_ptr<RequestCounter> counter, std::string model, std::shared_ptr<GenerationListener> next)
      : counter_(std::move(counter)), model_(std::move(model)), next_(std::move(next)) {}
  // However it ends.
  ~Listener() override {
    counter_->change(model_, [](RequestCounts& counts) { --counts.open; });
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void on_prompt(uint32_t prompt_tokens) override { next_->on_prompt(prompt_tokens); }
  void on_shortened(uint32_t messages_removed) override { next_->on_shortened(messages_removed); }
  void on_embedding(std::span<const float> values) override { next_->on_embedding(values); }
  void on_refused(const wire::QueuePlace& place) override { next_->on_refused(place); }

  void on_piece(uint32_t answer, const model::AnswerPiece& piece, std::span<const TokenReport> tokens) override {
    const auto now = RequestClock::now();
    const auto [last, first] = last_.try_emplace(answer, now);
    const auto since = std::chrono::duration<double>(now - (first ? begun_ : std::exchange(last->second, now)));
    counter_->change(model_, [&](RequestCounts& counts) {
      if (first) {
        counts.first_token.add(since.count());
      } else {
        counts.between_tokens.add(since.count());
      }
    });
    next_->on_piece(answer, piece, tokens);
  }

  void on_end(uint32_t answer, const engine::GenerateStats& stats) override {
    counter_->change(model_, [&](RequestCounts& counts) {
      ++counts.ends[std::string(to_string(stats.reason))];
      counts.answer_tokens += stats.answer_tokens;
      if (std::exchange(prompt_counted_, true)) return;
      counts.prompt_tokens += stats.prompt_tokens;
      counts.prompt_tokens_reused += stats.prompt_reused;
    });
    next_->on_end(answer, stats);
  }

  void on_error(const Error& error) override {
    counter_->change(model_, [&](RequestCounts& counts) { ++counts.ends[std::string(to_string(error.code))]; });
    next_->on_error(error);
  }

 private:
  std::shared_ptr<RequestCounter> counter_;
  std::string model_;
  std::shared_ptr<GenerationListener> next_;
  RequestClock::time_point begun_ = RequestClock::now();
  std::map<uint32_t, RequestClock::time_point> last_;  // piece of each answer
  bool prompt_counted_ = false;
};

template <typename Change>
void RequestCounter::change(const std::string& model, const Change& change) {
  const MutexLock lock(mutex_);
  change(models_[model]);
}

std::shared_ptr<GenerationListener> RequestCounter::listen(const std::string& model,
                                                           std::shared_ptr<GenerationListener> listener) {
  std::string counted = model;
  {
    const MutexLock lock(mutex_);
    if (!models_.contains(counted) && models_.size() >= kModelsMax) counted = "other";
    RequestCounts& counts = models_[counted];
    ++counts.requests;
    ++counts.open;
  }
  return std::make_shared<Listener>(shared_from_this(), std::move(counted), std::move(listener));
}

std::map<std::string, RequestCounts> RequestCounter::counts() const {
  const MutexLock lock(mutex_);
  return models_;
}

}  // namespace exogpu::node
