// Any body that a surface is sent is refused with a well-formed error, or becomes requests that are valid for the node
// and a writer whose answer is JSON.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "api/anthropic/messages_call.h"
#include "api/generation/embedding_call.h"
#include "api/llama_cpp/completion.h"
#include "api/llama_cpp/embedding.h"
#include "api/llama_cpp/text_routes.h"
#include "api/ollama/calls.h"
#include "api/ollama/model_list.h"
#include "api/openai/call.h"
#include "api/openai/embeddings.h"
#include "api/responses/create.h"
#include "api/surface/content_coding.h"

namespace {

using namespace exogpu;
using json = nlohmann::ordered_json;

void check(bool holds) {
  if (!holds) std::abort();
}

// Has a model, and cannot be asked anything.
class SilentService : public node::Service {
 public:
  std::vector<node::ModelEntry> models() const override { return {{.id = "m", .created = {}, .context_tokens = 8}}; }
  Result<std::shared_ptr<node::ModelText>> text(std::string_view) const override {
    return fail(ErrorCode::unavailable, "loading");
  }
  Result<void> ready() const override { return {}; }
  std::shared_ptr<const node::ClusterSnapshot> cluster() const override {
    return std::make_shared<node::ClusterSnapshot>();
  }
  std::shared_ptr<const node::ClusterSnapshot> wait_for_cluster(uint64_t, std::chrono::milliseconds) const override {
    return cluster();
  }
  Result<void> drain(std::string_view, bool) override { return {}; }
  Result<void> load(std::string_view, const wire::LoadSettings&) override { return {}; }
  Result<void> unload(std::string_view) override { return {}; }
  void pull(std::string, std::shared_ptr<node::PullListener>, std::stop_token) override {}
  node::AccessKeys& access_keys() override { std::abort(); }  // no handler below reads them
  void generate(node::GenerationRequest, std::shared_ptr<node::GenerationListener>, std::stop_token) override {}
  std::unique_ptr<node::StreamStore::Writer> keep_stream(wire::StreamId, node::StreamOptions) override {
    return nullptr;
  }
  void read_stream(wire::StreamRead, node::StreamReader) override {}
};

void check_request(const node::GenerationRequest& request) {
  for (const std::string& stop : request.options.stops) check(!stop.empty());
  const auto* chat = std::get_if<model::ChatRequest>(&request.prompt);
  if (!chat) return;
  const json messages = json::parse(chat->messages_json);
  check(!messages.empty());
  for (const json& message : messages) check(message.at("role").is_string());
  if (!chat->tools_json.empty()) check(json::parse(chat->tools_json).is_array());
  if (!chat->extra_json.empty()) check(json::parse(chat->extra_json).is_object());
}

void check_call(const api::TextCall& call) {
  const api::CallLimits limits;
  if (call.work) return check(call.generations.empty() && call.writer);
  check(!call.generations.empty() && call.writer);
  const bool embeds = call.generations.front().embedding.has_value();
  check(call.generations.size() * call.generations.front().answers <=
        (embeds ? api::kEmbeddedTextsMax : limits.answers_max));
  for (const node::GenerationRequest& request : call.generations) check_request(request);
  const auto writer = call.writer({.id = 1, .created = 1, .model = "m"});
  api::Delivery last;
  last.prompt_tokens = 1;
  last.updates.push_back({.answer = 0, .pieces = {{.text = "x"}}, .end = engine::GenerateStats{}});
  if (embeds) last.updates.back().embedding = {0.5F, -2, 0};
  last.ended = true;
  writer->collect(std::move(last));
  check(json::parse(writer->whole()).is_structured());
}

template <api::CallKind kind>
api::Parsed<api::Action> openai(const api::Exchange& exchange) {
  auto call = api::parse_call(kind, exchange.body, exchange.limits, exchange.seed);
  if (!call) return std::unexpected(std::move(call).error());
  return api::to_text_call(*std::move(call));
}

constexpr decltype(api::Route::handle) kHandlers[] = {
    openai<api::CallKind::chat>,
    openai<api::CallKind::completion>,
    api::openai_embeddings,
    api::anthropic::messages,
    api::anthropic::count_tokens,
    api::ollama::chat,
    api::ollama::generate,
    api::ollama::embed,
    api::ollama::embeddings,
    api::ollama::show,
    api::ollama::pull,
    api::responses::create,
    api::llama_cpp::completion,
    api::llama_cpp::embedding,
    api::llama_cpp::infill,
    api::llama_cpp::tokenize,
    api::llama_cpp::detokenize,
    api::llama_cpp::apply_template,
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  SilentService service;
  api::AnswerStore answers(4, 1 << 20);
  const api::RequestView request{.body = body};
  for (const auto handle : kHandlers) {
    const auto action = handle({.body = body,
                                .query = {},
                                .rest = {},
                                .limits = {},
                                .service = service,
                                .answers = answers,
                                .seed = 1,
                                .request = request,
                                .by = {}});
    if (!action) {
      check(action.error().status >= 400 && action.error().status < 600 && action.error().message.size() < 4096);
      check(json::parse(api::to_json(action.error())).at("error").at("message").is_string());
    } else if (const auto* call = std::get_if<api::TextCall>(&*action)) {
      check_call(*call);
    }
  }
  for (const char* coding : {"gzip", "deflate"}) {
    std::string storage;
    const auto decoded = api::decoded_body(body, coding, 1 << 20, storage);
    check(decoded ? decoded->size() <= 1 << 20 : decoded.error().status == 400 || decoded.error().status == 413);
  }
  return 0;
}
