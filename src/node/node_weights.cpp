// The weights of a node: those it was given, those its part of the plan needs, and those it keeps for others.
#include <boost/asio/post.hpp>
#include <format>

#include "node/node_impl.h"

namespace exogpu::node {

// Once for each file and not at each start: the cache remembers what a file is.
void Node::Impl::read_own_content() {
  const auto done = [this](Result<std::shared_ptr<const weights::Content>> content) {
    if (!content) return note(content.error().message);
    own_content_ = (*content)->id().text();
    exchange_->offer(*content);
    if (!parts_.served) return;
    parts_.served->content = own_content_;
    set_model();
  };
  measuring_.emplace(
      weights::Catalogue(options_.cache / "manifests"), parts_.file,
      [this](std::move_only_function<void()> task) { post(std::move(task)); },
      weights::Measuring::Calls{.on_progress = {}, .on_done = done});
}

void Node::Impl::fetch(const wire::StagePlan& plan, wire::LayerRange layers, std::function<void(Bytes, Bytes)> progress,
                       std::function<void(Result<SharedGguf>)> done) {
  spare_ = {};
  fetching_ = {};
  if (parts_.file && plan.content == own_content_) {
    return post([done = std::move(done), file = parts_.file] { done(file); });
  }
  const auto content = wire::ContentId::parse(plan.content);
  if (!content) {
    return post([done = std::move(done)] { done(fail(ErrorCode::corrupt, "the plan names no model")); });
  }
  fetching_ = exchange_->fetch(*content, {.layers = layers, .n_layers = plan.stages.back().layers.end},
                               {.on_progress = std::move(progress),
                                .on_done = [this, done](Result<std::shared_ptr<weights::PartialModel>> model) {
                                  if (!model) return done(std::unexpected(model.error()));
                                  auto kept = weights::Content::of_cache(*model);
                                  if (!kept) return done(std::unexpected(kept.error()));
                                  exchange_->offer(*kept);
                                  // The file is in use for as long as somebody has it.
                                  done(SharedGguf((*kept)->gguf().get(), [held = *kept](const model::Gguf*) {}));
                                }});
}

void Node::Impl::load_encoder(const std::string& content, SharedGguf file) {
  if (encoder_content_ == content && encoder_) return see_plan();
  boost::asio::post(work_, [this, content, file = std::move(file)] {
    auto encoder = PromptEncoder::load(*file);
    post([this, content, encoder = std::make_shared<Result<std::unique_ptr<PromptEncoder>>>(std::move(encoder))] {
      encoder_error_ = *encoder ? std::nullopt : std::optional(encoder->error());
      encoder_ = *encoder ? std::shared_ptr<PromptEncoder>(std::move(**encoder)) : nullptr;
      encoder_content_ = content;
      see_plan();
    });
  });
}

// What the plan wants of this node is a part of the model. The rest is fetched when nobody is being answered, so that
// this node can go on when others are gone.
void Node::Impl::keep_spare(cluster::Time now) {
  constexpr std::chrono::seconds quiet{2};
  constexpr std::chrono::minutes patience{1};
  static constexpr std::chrono::seconds again{5};
  const auto& state = agent_->state();
  const bool wanted = options_.spare && serving_ && state.plan && state.plan->made.plan.content != own_content_;
  if (!wanted || worker_->holding().acting || worker_->steps_in_flight(now)) {
    spare_ = {};
    spare_at_ = now + quiet;
    return;
  }
  const wire::StagePlan& plan = state.plan->made.plan;
  if (now < spare_at_ || spare_content_ == plan.content) return;
  spare_at_ = now + patience;
  Bytes bytes = state.model->shape.embedding_bytes + state.model->shape.head_bytes;
  for (const wire::LayerShape& layer : state.model->shape.layers) bytes += layer.weight_bytes;
  const auto content = wire::ContentId::parse(plan.content);
  if (!content || 2 * bytes > parts_.cache->limit()) return;
  const uint32_t n_layers = plan.stages.back().layers.end;
  spare_ = exchange_->fetch(
      *content, {.layers = {0, n_layers}, .n_layers = n_layers},
      {.on_progress = {}, .on_done = [this, of = plan.content](Result<std::shared_ptr<weights::PartialModel>> model) {
         if (!model) {
           spare_at_ = std::chrono::steady_clock::now() + again;
           return;
         }
         spare_content_ = of;
         if (auto kept = weights::Content::of_cache(*model)) exchange_->offer(*kept);
       }});
}

}  // namespace exogpu::node
