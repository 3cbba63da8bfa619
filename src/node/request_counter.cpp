#include "node/request_counter.h"

#include <chrono>
#include <optional>
#include <utility>

namespace exogpu::node {

using RequestClock = std::chrono::steady_clock;

namespace {

uint64_t unix_ms_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace

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

  void on_prompt(uint32_t prompt_tokens) override {
    accepted_s_ = seconds_since_begin();
    next_->on_prompt(prompt_tokens);
  }
  void on_shortened(uint32_t messages_removed) override { next_->on_shortened(messages_removed); }
  void on_embedding(std::span<const float> values) override { next_->on_embedding(values); }
  void on_refused(const wire::QueuePlace& place) override { next_->on_refused(place); }

  void on_piece(uint32_t answer, const model::AnswerPiece& piece, std::span<const TokenReport> tokens) override {
    const auto now = RequestClock::now();
    const auto [last, first] = last_.try_emplace(answer, now);
    const auto since = std::chrono::duration<double>(now - (first ? begun_ : std::exchange(last->second, now)));
    if (first) first_token_s_.emplace(answer, since.count());
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
    RecentRequest ended = ended_now(answer, to_string(stats.reason));
    ended.prompt_tokens = stats.prompt_tokens;
    ended.prompt_tokens_reused = stats.prompt_reused;
    ended.answer_tokens = stats.answer_tokens;
    counter_->remember(std::move(ended));
    next_->on_end(answer, stats);
  }

  void on_error(const Error& error) override {
    counter_->change(model_, [&](RequestCounts& counts) { ++counts.ends[std::string(to_string(error.code))]; });
    counter_->remember(ended_now(0, to_string(error.code)));
    next_->on_error(error);
  }

 private:
  double seconds_since_begin() const { return std::chrono::duration<double>(RequestClock::now() - begun_).count(); }
  RecentRequest ended_now(uint32_t answer, std::string_view end) const {
    const auto first = first_token_s_.find(answer);
    return {.unix_ms = came_unix_ms_,
            .model = model_,
            .end = std::string(end),
            .accepted_s = accepted_s_,
            .first_token_s = first == first_token_s_.end() ? std::nullopt : std::optional(first->second),
            .duration_s = seconds_since_begin()};
  }

  std::shared_ptr<RequestCounter> counter_;
  std::string model_;
  std::shared_ptr<GenerationListener> next_;
  RequestClock::time_point begun_ = RequestClock::now();
  uint64_t came_unix_ms_ = unix_ms_now();
  std::map<uint32_t, RequestClock::time_point> last_;  // piece of each answer
  std::optional<double> accepted_s_;
  std::map<uint32_t, double> first_token_s_;  // of each answer
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

void RequestCounter::remember(RecentRequest ended) {
  const MutexLock lock(mutex_);
  if (recent_.size() == kRecentMax) recent_.pop_front();
  recent_.push_back(std::move(ended));
}

std::vector<RecentRequest> RequestCounter::recent() const {
  const MutexLock lock(mutex_);
  return {recent_.begin(), recent_.end()};
}

std::map<std::string, RequestCounts> RequestCounter::counts() const {
  const MutexLock lock(mutex_);
  return models_;
}

}  // namespace exogpu::node
