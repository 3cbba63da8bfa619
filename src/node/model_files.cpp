#include "node/model_files.h"

#include <format>
#include <utility>

#include "base/log.h"

namespace exogpu::node {
namespace {

// Of weights_query to weights_stop.
constexpr uint16_t kControlTypesMax = 128;

}  // namespace

ModelFiles::ModelFiles(ModelFilesOptions options, ModelFilesHost host)
    : options_(std::move(options)),
      host_(std::move(host)),
      exchange_(options_.cache, host_.post, {.name_of = host_.name_of}),
      offer_(options_.offered_model) {}

void ModelFiles::register_handlers(Dispatch& dispatch) {
  for (uint16_t number = 0; number < kControlTypesMax; ++number) {
    const wire::ControlType type{number};
    if (!weights::WeightExchange::owns(type)) continue;
    dispatch.on_raw(type, [this](wire::NodeId from, wire::ControlType of, std::span<const std::byte> payload) {
      return exchange_.on_control(from, of, payload);
    });
  }
  dispatch.on_bulk(
      {.receive_buffer = [this](wire::NodeId from,
                                const wire::FrameHeader& header) { return exchange_.receive_buffer(from, header); },
       .on_frame = [this](wire::NodeId from, const wire::FrameHeader& header,
                          std::span<const std::byte> payload) { exchange_.on_bulk(from, header, payload); },
       .on_abandoned = [this](wire::NodeId from,
                              const wire::FrameHeader& header) { exchange_.on_abandoned(from, header); }});
}

void ModelFiles::start() {
  if (!options_.file) return;
  measuring_.emplace(
      weights::Catalogue(options_.manifests), options_.file, host_.post,
      weights::Measuring::Calls{.on_progress = {},
                                .on_done = [this](const Result<std::shared_ptr<const weights::Content>>& content) {
                                  on_own_content(content);
                                }});
}

void ModelFiles::stop() {
  measuring_.reset();
  fetching_.cancel();
  spare_.cancel();
}

void ModelFiles::on_own_content(const Result<std::shared_ptr<const weights::Content>>& content) {
  if (!content) return host_.note(content.error().message);
  if (!options_.file) return;  // it has changed meanwhile
  own_content_ = (*content)->id().text();
  exchange_.offer(*content);
  offer_.set_content(own_content_);
  host_.on_own_content();
}

void ModelFiles::tick(cluster::Time now) {
  exchange_.tick(now);
  check_own_file();
}

void ModelFiles::check_own_file() {
  if (!options_.file) return;
  const auto unchanged = options_.file->check();
  if (unchanged) return;
  measuring_.reset();
  options_.file = nullptr;
  if (const auto content = wire::ContentId::parse(own_content_)) exchange_.withdraw(*content);
  host_.on_own_file_changed(unchanged.error());
}

void ModelFiles::compare_own_model(const wire::ReplicatedState& state) {
  if (options_.offered_model || !options_.file || own_content_.empty() || !state.model) return;
  if (std::exchange(compared_content_, state.model->content) == state.model->content) return;
  const std::string file = options_.file->path().string();
  if (state.model->content == own_content_) {
    log::info("node", "the cluster serves {}; {} is the same model, and its weights are read there", state.model->model,
              file);
  } else {
    host_.note(
        std::format("the cluster serves {}; {} is another model and is not served. Without --join, this node "
                    "has the cluster serve it",
                    state.model->model, file));
  }
}

void ModelFiles::fetch(const wire::StagePlan& plan, wire::LayerRange layers, std::function<void(Bytes, Bytes)> progress,
                       std::function<void(Result<SharedGguf>)> done) {
  spare_ = {};
  fetching_ = {};
  check_own_file();
  if (options_.file && plan.content == own_content_) {
    return host_.post([done = std::move(done), file = options_.file] { done(file); });
  }
  const auto content = wire::ContentId::parse(plan.content);
  if (!content) {
    return host_.post([done = std::move(done)] { done(fail(ErrorCode::corrupt, "the plan names no model")); });
  }
  fetching_ =
      exchange_.fetch(*content, {.layers = layers, .n_layers = plan.stages.back().layers.end},
                      {.on_progress = std::move(progress),
                       .on_done = [this, done](Result<std::shared_ptr<weights::PartialModel>> model) {
                         if (!model) return done(std::unexpected(model.error()));
                         auto resident = weights::Content::of_cache(*model);
                         if (!resident) return done(std::unexpected(resident.error()));
                         exchange_.offer(*resident);
                         // The cache retains the file for as long as the content is referenced.
                         done(SharedGguf((*resident)->gguf().get(), [owner = *resident](const model::Gguf*) {}));
                       }});
}

void ModelFiles::load_encoder(const std::string& content, SharedGguf file) {
  if (encoder_.content == content && encoder_.encoder) return host_.on_encoder();
  host_.in_background([this, content, file = std::move(file), chat_template = options_.chat_template] {
    auto loaded = PromptEncoder::load(*file, chat_template);
    host_.post([this, content, loaded = std::move(loaded)]() mutable {
      if (loaded) {
        for (const std::string& warning : (*loaded)->warnings()) host_.note(warning);
      }
      encoder_ = {.encoder = nullptr, .content = content, .error = {}};
      if (loaded) {
        encoder_.encoder = *std::move(loaded);
      } else {
        encoder_.error = loaded.error();
      }
      host_.on_encoder();
    });
  });
}

void ModelFiles::update_spare(const wire::ReplicatedState& state, bool idle, cluster::Time now) {
  constexpr std::chrono::seconds quiet{2};
  constexpr std::chrono::minutes retry{1};
  const bool needed =
      options_.spare && state.plan && state.model && (!options_.file || state.plan->made.plan.content != own_content_);
  if (!needed || !idle) {
    spare_ = {};
    spare_at_ = now + quiet;
    return;
  }
  const wire::StagePlan& plan = state.plan->made.plan;
  if (now < spare_at_ || spare_content_ == plan.content) return;
  spare_at_ = now + retry;
  Bytes bytes = state.model->shape.embedding_bytes + state.model->shape.head_bytes;
  for (const wire::LayerShape& layer : state.model->shape.layers) bytes += layer.weight_bytes;
  const auto content = wire::ContentId::parse(plan.content);
  if (content && 2 * bytes <= options_.cache->limit()) fetch_spare(plan, *content);
}

void ModelFiles::fetch_spare(const wire::StagePlan& plan, const wire::ContentId& content) {
  static constexpr std::chrono::seconds retry{5};
  const uint32_t n_layers = plan.stages.back().layers.end;
  spare_ = exchange_.fetch(
      content, {.layers = {0, n_layers}, .n_layers = n_layers},
      {.on_progress = {}, .on_done = [this, of = plan.content](Result<std::shared_ptr<weights::PartialModel>> model) {
         if (!model) {
           spare_at_ = std::chrono::steady_clock::now() + retry;
           return;
         }
         spare_content_ = of;
         if (auto resident = weights::Content::of_cache(*model)) exchange_.offer(*resident);
       }});
}

WeightTraffic ModelFiles::traffic() const {
  const weights::ExchangeStats stats = exchange_.stats();
  return {.sent = stats.sent_bytes, .received = stats.received_bytes};
}

}  // namespace exogpu::node
