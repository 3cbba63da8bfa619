#include "node/model_files.h"

#include <algorithm>
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
      offer_(options_.offered_model, options_.joins) {}

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
  fetching_.clear();
  waiting_.clear();
  for_members_.clear();
  spare_.cancel();
}

void ModelFiles::on_own_content(const Result<std::shared_ptr<const weights::Content>>& content) {
  unreadable_ = !content;
  if (!content) return host_.note(content.error().message);
  if (!options_.file) return;  // it has changed meanwhile
  own_content_ = (*content)->id().text();
  add_file(*content);
  offer_.set_content(own_content_);
  host_.on_own_content();
}

void ModelFiles::tick(cluster::Time now) {
  exchange_.tick(now);
  check_own_files();
}

void ModelFiles::check_own_files() {
  const auto unchanged = options_.file && own_content_.empty() ? options_.file->check() : Result<void>();
  if (!unchanged) {
    measuring_.reset();
    options_.file = nullptr;
    host_.on_own_file_changed(unchanged.error());
  }
  std::erase_if(own_files_, [this](const auto& own) {
    const auto same = own.second->check();
    if (same) return false;
    if (own.second == options_.file) options_.file = nullptr;
    if (const auto content = wire::ContentId::parse(own.first)) exchange_.withdraw(*content);
    host_.on_own_file_changed(same.error());
    return true;
  });
}

void ModelFiles::forget(const std::filesystem::path& file, const std::string& content) {
  std::error_code error;
  if (options_.file && std::filesystem::equivalent(options_.file->path(), file, error)) options_.file = nullptr;
  own_files_.erase(content);
  spare_contents_.erase(content);
  if (const auto id = wire::ContentId::parse(content)) exchange_.withdraw(*id);
}

bool ModelFiles::reading(const std::filesystem::path& file) const {
  std::error_code error;
  return reading() && std::filesystem::equivalent(options_.file->path(), file, error);
}

void ModelFiles::add_file(const std::shared_ptr<const weights::Content>& content) {
  const std::string id = content->id().text();
  own_files_.insert_or_assign(id, content->gguf());
  exchange_.offer(content);
  auto waiting = waiting_.extract(id);
  if (waiting.empty()) return;
  fetching_[id] = {};
  host_.post([done = std::move(waiting.mapped()), file = content->gguf()] { done(file); });
}

SharedGguf ModelFiles::own_file(const std::string& content) const {
  const auto found = own_files_.find(content);
  return found == own_files_.end() ? nullptr : found->second;
}

void ModelFiles::compare_own_model(const wire::ReplicatedState& state) {
  const auto served = state.models.find(own_content_);
  if (compared_ || !options_.file) return;
  if (served == state.models.end()) {
    if (!offer_.name_taken(state)) return;
    compared_ = true;
    return log::warning("node",
                        "{} is not served: the cluster serves another model of this name; give the file another name",
                        options_.file->path().string());
  }
  compared_ = true;
  log::info("node", "the cluster serves {}; {} is the same model, and its weights are read there",
            served->second.served.model, options_.file->path().string());
}

void ModelFiles::fetch(const wire::StagePlan& plan, wire::LayerRange layers, std::function<void(Bytes, Bytes)> progress,
                       std::function<void(Result<SharedGguf>)> done) {
  spare_ = {};
  fetching_[plan.content] = {};
  waiting_.erase(plan.content);
  check_own_files();
  if (const SharedGguf own = own_file(plan.content)) {
    return host_.post([done = std::move(done), own] { done(own); });
  }
  const auto content = wire::ContentId::parse(plan.content);
  if (!content) {
    return host_.post([done = std::move(done)] { done(fail(ErrorCode::corrupt, "the plan names no model")); });
  }
  waiting_.insert_or_assign(plan.content, done);
  fetching_[plan.content] =
      exchange_.fetch(*content, {.layers = layers, .n_layers = plan.stages.back().layers.end},
                      {.on_progress = std::move(progress),
                       .on_done = [this, done, plan](Result<std::shared_ptr<weights::PartialModel>> model) {
                         waiting_.erase(plan.content);
                         auto file = file_of(model);
                         if (file) on_fetched(plan, *model);
                         done(std::move(file));
                       }});
}

void ModelFiles::fetch_for_member(const wire::MemberLoad& part, std::function<void(Result<SharedGguf>)> done) {
  spare_ = {};
  check_own_files();
  if (const SharedGguf own = own_file(part.content)) return done(own);
  const auto content = wire::ContentId::parse(part.content);
  if (!content) return done(fail(ErrorCode::corrupt, "the group names no model"));
  for_members_[part.content] = exchange_.fetch(
      *content, {.layers = part.layers, .n_layers = part.model_layers},
      {.on_progress = {},
       .on_done = [this, done = std::move(done)](const Result<std::shared_ptr<weights::PartialModel>>& model) {
         done(file_of(model));
       }});
}

// What was fetched, which other nodes get from here from now on.
Result<SharedGguf> ModelFiles::file_of(const Result<std::shared_ptr<weights::PartialModel>>& model) {
  if (!model) return std::unexpected(model.error());
  EXO_TRY(const auto resident, weights::Content::of_cache(*model));
  exchange_.offer(resident);
  // The cache retains the file for as long as the content is referenced.
  return SharedGguf(resident->gguf().get(), [owner = resident](const model::Gguf*) {});
}

// A model that is here whole belongs to the library, by the name that it is served by.
void ModelFiles::on_fetched(const wire::StagePlan& plan, const std::shared_ptr<weights::PartialModel>& model) {
  if (std::ranges::contains(model->present(), false)) return;
  host_.in_background([this, model, name = plan.model] {
    if (const auto named = model->set_complete(name); !named) log::warning("node", "{}", named.error().message);
    host_.post([this] {
      if (host_.on_complete) host_.on_complete();
    });
  });
}

void ModelFiles::load_encoder(const std::string& content, SharedGguf file) {
  if (encoder(content).encoder) return host_.on_encoder();
  // The template is for the model that this node was given, if it was given one.
  const bool replaces = !options_.file || content == own_content_;
  host_.in_background(
      [this, content, file = std::move(file), chat_template = replaces ? options_.chat_template : std::nullopt] {
        auto loaded = PromptEncoder::load(*file, chat_template);
        host_.post([this, content, loaded = std::move(loaded)]() mutable {
          if (loaded) {
            for (const std::string& warning : (*loaded)->warnings()) host_.note(warning);
          }
          EncoderStatus& status = encoders_[content];
          status = {};
          if (loaded) {
            status.encoder = *std::move(loaded);
          } else {
            status.error = loaded.error();
          }
          host_.on_encoder();
        });
      });
}

EncoderStatus ModelFiles::encoder(const std::string& content) const {
  const auto found = encoders_.find(content);
  return found == encoders_.end() ? EncoderStatus{} : found->second;
}

void ModelFiles::update_spare(const wire::ReplicatedState& state, bool idle, cluster::Time now) {
  constexpr std::chrono::seconds quiet{2};
  constexpr std::chrono::minutes retry{1};
  const auto gone = [&](const auto& each) { return !state.models.contains(each.first); };
  std::erase_if(encoders_, gone);
  std::erase_if(fetching_, gone);
  std::erase_if(waiting_, gone);
  const wire::ModelRecord* next = options_.spare ? next_spare(state) : nullptr;
  if (next == nullptr || !idle) {
    spare_ = {};
    spare_at_ = now + quiet;
    return;
  }
  if (now < spare_at_) return;
  spare_at_ = now + retry;
  const wire::StagePlan& plan = next->plan->made.plan;
  if (const auto content = wire::ContentId::parse(plan.content)) fetch_spare(plan, *content);
}

// A planned model of which something may be missing here, and that has room in the cache; or null.
const wire::ModelRecord* ModelFiles::next_spare(const wire::ReplicatedState& state) const {
  for (const auto& [content, model] : state.models) {
    if (!model.plan || spare_contents_.contains(content) || own_files_.contains(content)) continue;
    Bytes bytes = model.served.shape.embedding_bytes + model.served.shape.head_bytes;
    for (const wire::LayerShape& layer : model.served.shape.layers) bytes += layer.weight_bytes;
    if (2 * bytes <= options_.cache->limit()) return &model;
  }
  return nullptr;
}

void ModelFiles::fetch_spare(const wire::StagePlan& plan, const wire::ContentId& content) {
  static constexpr std::chrono::seconds retry{5};
  const uint32_t n_layers = plan.stages.back().layers.end;
  spare_ = exchange_.fetch(
      content, {.layers = {0, n_layers}, .n_layers = n_layers},
      {.on_progress = {}, .on_done = [this, plan](Result<std::shared_ptr<weights::PartialModel>> model) {
         if (!model) {
           spare_at_ = std::chrono::steady_clock::now() + retry;
           return;
         }
         spare_contents_.insert(plan.content);
         spare_at_ = {};
         if (auto resident = weights::Content::of_cache(*model)) exchange_.offer(*resident);
         on_fetched(plan, *model);
       }});
}

WeightTraffic ModelFiles::traffic() const {
  const weights::ExchangeStats stats = exchange_.stats();
  return {.sent = stats.sent_bytes, .received = stats.received_bytes};
}

}  // namespace exogpu::node
