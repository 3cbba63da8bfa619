#include "capi/node_model.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "capi/answer_prompt.h"

namespace exogpu::capi {
namespace {

// Waits for the end of a generation, and passes its text on.
class Listener final : public node::GenerationListener {
 public:
  explicit Listener(OnText on_text) : on_text_(std::move(on_text)) {}

  void on_prompt(uint32_t) override {}
  void on_piece(uint32_t, const model::AnswerPiece& piece, std::span<const node::TokenReport>) override {
    if (piece.text.empty()) return;
    const bool thought = piece.kind == model::AnswerPiece::Kind::reasoning;
    if (thought != std::exchange(thinks_, thought)) on_text_(thought ? "<think>" : "</think>\n");
    on_text_(piece.text);
  }
  void on_embedding(std::span<const float> values) override { embedding_.assign(values.begin(), values.end()); }
  void on_end(uint32_t, const engine::GenerateStats& stats) override {
    if (std::exchange(thinks_, false)) on_text_("</think>\n");
    end(stats);
  }
  void on_error(const Error& error) override { end(std::unexpected(error)); }

  Result<engine::GenerateStats> wait() EXO_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!result_) ended_.wait(lock);
    return *result_;
  }
  // After wait().
  const std::vector<float>& embedding() const { return embedding_; }

 private:
  void end(Result<engine::GenerateStats> result) EXO_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    result_ = std::move(result);
    ended_.notify_all();
  }

  OnText on_text_;
  bool thinks_ = false;
  std::vector<float> embedding_;
  Mutex mutex_;
  CondVar ended_;
  std::optional<Result<engine::GenerateStats>> result_ EXO_GUARDED_BY(mutex_);
};

// A request whose listener has its end, whatever comes first: the answer, `cancel`, or the end of the node.
Result<engine::GenerateStats> run(RunningNode& running, node::GenerationRequest request,
                                  const std::shared_ptr<Listener>& listener, const std::stop_token& cancel) {
  std::stop_source stop;
  const std::stop_callback on_cancel(cancel, [&stop] { stop.request_stop(); });
  const std::stop_callback on_end(running.ending(), [&stop] { stop.request_stop(); });
  running.node().generate(std::move(request), listener, stop.get_token());
  auto result = listener->wait();
  if (result || result.error().code != ErrorCode::cancelled) return result;
  engine::GenerateStats stats;
  stats.reason = engine::FinishReason::cancelled;
  return stats;
}

}  // namespace

Result<std::shared_ptr<node::ModelText>> NodeModel::text() const {
  EXO_TRY(const auto running, node_->running());
  return running->node().text(name_);
}

Result<std::string> NodeModel::json() {
  EXO_TRY(const auto running, node_->running());
  for (const node::ModelEntry& model : running->node().models()) {
    if (model.id != name_) continue;
    nlohmann::ordered_json json;
    if (const auto known = running->node().text(name_)) json = details_json((*known)->details());
    json["name"] = name_;
    json["context_tokens"] = model.context_tokens;
    json["loaded"] = model.state == node::ModelState::loaded;
    json["embeddings"] = model.embeddings;
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  }
  return fail(ErrorCode::not_found, "the cluster of the node {} has no model \"{}\"", running->node().name(), name_);
}

Result<std::vector<model::TokenId>> NodeModel::tokenize(std::string_view all, const model::EncodeOptions& options) {
  EXO_TRY(const auto known, text());
  return known->tokenize(all, options);
}

Result<std::string> NodeModel::detokenize(std::span<const model::TokenId> tokens) {
  EXO_TRY(const auto known, text());
  return known->detokenize(tokens);
}

Result<std::string> NodeModel::render(const std::string& messages) {
  EXO_TRY(const auto known, text());
  model::ChatRequest chat;
  chat.messages_json = messages;
  return known->render(chat);
}

Result<std::vector<float>> NodeModel::embed(std::string_view all) {
  EXO_TRY(const auto running, node_->running());
  node::GenerationRequest request;
  request.model = name_;
  request.prompt = std::string(all);
  request.embedding.emplace();
  const auto listener = std::make_shared<Listener>([](std::string_view) {});
  EXO_CHECK(run(*running, std::move(request), listener, {}));
  if (!listener->embedding().empty()) return listener->embedding();
  return fail(ErrorCode::cancelled, "the node has ended");
}

Result<engine::GenerateStats> NodeModel::generate(const AnswerRequest& request, const OnText& on_text,
                                                  const std::stop_token& cancel) {
  EXO_TRY(const auto running, node_->running());
  node::GenerationRequest asked;
  asked.model = name_;
  asked.prompt = prompt_of(request);
  asked.options = request.options;
  return run(*running, std::move(asked), std::make_shared<Listener>(on_text), cancel);
}

}  // namespace exogpu::capi
