// Ollama's /api/pull: a line for each step, and the error as the last one.
#include <chrono>
#include <utility>

#include "api/ollama/calls.h"

namespace exogpu::api::ollama {

using json = nlohmann::ordered_json;

namespace {

std::string line_of(const json& line) { return dump(line) + "\n"; }

// Progress as pieces of an answer's text, a line each.
class ProgressLines final : public node::PullListener {
 public:
  explicit ProgressLines(std::shared_ptr<node::GenerationListener> listener) : listener_(std::move(listener)) {
    listener_->on_prompt(0);
    write({{"status", "pulling manifest"}});
  }
  void on_progress(const node::PullProgress& progress) override {
    constexpr std::chrono::milliseconds kEvery{250};
    const auto now = std::chrono::steady_clock::now();
    if (progress.done < progress.total && now - last_ < kEvery) return;
    last_ = now;
    write({{"status", std::format("pulling file {} of {}", progress.file + 1, progress.files)},
           {"digest", std::format("file {}", progress.file + 1)},  // clients show one bar for each digest
           {"total", progress.total},
           {"completed", progress.done}});
  }
  void on_end(const Result<std::string>& name) override {
    if (!name) return listener_->on_error(name.error());
    write({{"status", "writing " + *name}});
    listener_->on_end(0, {});
  }

 private:
  void write(const json& line) { listener_->on_piece(0, {.text = line_of(line)}, {}); }

  std::shared_ptr<node::GenerationListener> listener_;
  std::chrono::steady_clock::time_point last_{};
};

class PullLines final : public AnswerWriter {
 public:
  std::string_view stream_type() const override { return "application/x-ndjson"; }
  std::string keep_alive() const override { return {}; }  // clients parse each line
  std::string events(Delivery delivery) override {
    std::string out;
    for (const AnswerUpdate& update : delivery.updates) out += update.text();
    if (delivery.error) return out + error(to_api_error(*delivery.error)) + "\n";
    return delivery.ended ? out + whole() + "\n" : out;
  }
  void collect(Delivery) override {}
  std::string whole() const override { return dump({{"status", "success"}}); }
  std::string error(const ApiError& error) const override { return dump({{"error", error.message}}); }
};

}  // namespace

Parsed<Action> pull(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  EXO_TRY(auto source, fields.text("model"));
  if (!source) {
    EXO_TRY(source, fields.text("name"));  // the older word
  }
  if (!source || source->empty()) {
    return bad_field("model", "missing_required_parameter", "is missing; name a model, such as ORG/REPO:Q4_K_M");
  }
  TextCall call;
  EXO_TRY(const auto stream, fields.boolean("stream"));
  call.stream = stream.value_or(true);
  call.linger = std::chrono::milliseconds(0);
  call.work = [source = *std::move(source)](node::Service& service, std::shared_ptr<node::GenerationListener> listener,
                                            std::stop_token cancel) {
    service.pull(source, std::make_shared<ProgressLines>(std::move(listener)), std::move(cancel));
  };
  call.writer = [](const AnswerStart&) { return std::make_unique<PullLines>(); };
  return call;
}

}  // namespace exogpu::api::ollama
