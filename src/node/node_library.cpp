// The library of a node: what it has files of, and how models of it come to be served.
#include <format>
#include <utility>

#include "base/utf8.h"
#include "node/node_impl.h"

namespace exogpu::node {

using std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds kAgain{200};

}  // namespace

void Node::Impl::make_library() {
  library_.emplace(
      OwnLibraryOptions{.folder = options_.models, .given = options_.model, .manifests = options_.cache / "manifests"},
      OwnLibraryHost{.post = [this](auto task) { loop_.post(std::move(task)); },
                     .in_background = [this](auto task) { in_background(std::move(task)); },
                     .on_change =
                         [this] {
                           agent_->change([this](cluster::Agent& agent, cluster::Time now) {
                             agent.set_library(library_->facts(), now);
                           });
                         }});
  loads_.emplace(
      self(), *peers_,
      ModelLoadsHost{.now = [] { return steady_clock::now(); },
                     .state = [this]() -> const wire::ReplicatedState& { return agent_->state(); },
                     .has_file = [this](const std::string& model) { return library_->find(model) != nullptr; },
                     .prepare = [this](const std::string& model, const wire::LoadSettings& settings,
                                       auto done) { prepare_model(model, settings, std::move(done)); },
                     .propose = [this](const wire::ModelSet& event) { propose(event); },
                     .on_change = [this] { loop_.post([this] { update_requests(); }); }});
  requests_->set_loading(
      {.want = [this](const std::string& model, const wire::LoadSettings& settings) { want_model(model, settings); },
       .active = [this](const std::string& model) { return loads_->active(model); },
       .failure = [this](const std::string& model) { return loads_->failure(model); },
       .on_use =
           [this](const std::string& content) {
             agent_->change([&](cluster::Agent& agent, cluster::Time) { agent.note_use(content); });
           }});
}

void Node::Impl::propose(const wire::Event& event) {
  agent_->change([&](cluster::Agent& agent, cluster::Time at) { agent.command(event, at); });
}

void Node::Impl::want_model(const std::string& model, const wire::LoadSettings& settings) {
  loads_->want(model, settings);
  // It may not make room for another one before its first request.
  agent_->change([this](cluster::Agent& agent, cluster::Time) { agent.set_busy(busy()); });
}

// While the file that this node was given is read, what follows would read it a second time.
void Node::Impl::prepare_model(const std::string& model, const wire::LoadSettings& settings,
                               std::function<void(Result<wire::ServedModel>)> done) {
  const OwnModel* own = library_->find(model);
  if (own == nullptr) {
    return loop_.post([done = std::move(done)] { done(fail(ErrorCode::not_found, "the file is gone")); });
  }
  if (model_files_->reading(own->path)) {
    return loop_.post_after(kAgain, [this, model, settings, done = std::move(done)]() mutable {
      prepare_model(model, settings, std::move(done));
    });
  }
  ServeSettings serve = options_.serve_settings();
  serve.serving.context = settings.context.value_or(serve.serving.context);
  serve.serving.sequences = settings.sequences.value_or(serve.serving.sequences);
  serve.pinned = settings.pinned;
  serve.keep_loaded_s = settings.keep_loaded_s.value_or(serve.keep_loaded_s);
  in_background([this, own = *own, serve = std::move(serve), done = std::move(done)]() mutable {
    auto opened = model::Gguf::open(own.path);
    const auto file = opened ? std::make_shared<const model::Gguf>(*std::move(opened)) : nullptr;
    auto served = file ? served_model(*file, resources_.machine.devices(), serve, options_.on_note)
                       : Result<wire::ServedModel>(std::unexpected(opened.error()));
    if (served) served->model = own.facts.model;
    loop_.post([this, own, file, served = std::move(served), done = std::move(done)]() mutable {
      if (!served) return done(std::unexpected(served.error()));
      read_content(own, file, *std::move(served), std::move(done));
    });
  });
}

// Reads all of the file, unless that was done before: its content has to be known before others can get it.
void Node::Impl::read_content(const OwnModel& own, SharedGguf file, wire::ServedModel served,
                              std::function<void(Result<wire::ServedModel>)> done) {
  const std::string& name = own.facts.model;
  const auto on_done = [this, own, served = std::move(served),
                        done = std::move(done)](Result<std::shared_ptr<const weights::Content>> content) mutable {
    loop_.post([this, name = own.facts.model] { measuring_.erase(name); });
    if (!content) return done(std::unexpected(content.error()));
    model_files_->add_file(*content);
    served.content = (*content)->id().text();
    library_->set_content(own.path, served.content);
    done(std::move(served));
  };
  measuring_.erase(name);
  measuring_.try_emplace(
      name, weights::Catalogue(options_.cache / "manifests"), std::move(file),
      [this](auto task) { loop_.post(std::move(task)); },
      weights::Measuring::Calls{.on_progress = {}, .on_done = on_done});
}

// --- any thread

Result<void> Node::Impl::load(std::string_view model, const wire::LoadSettings& settings) {
  const auto models = requests_->models();
  const auto found = std::ranges::find(models, model, &ModelEntry::id);
  if (found == models.end()) {
    std::string names;
    for (const ModelEntry& each : models) names += std::format("{}{}", names.empty() ? "" : ", ", each.id);
    return fail(ErrorCode::not_found, "there is no model \"{}\"; here are: {}", printable(std::string(model)), names);
  }
  if (!status_->snapshot()->leader) {
    return fail(ErrorCode::unavailable, "the cluster has no leader at the moment; try again");
  }
  loop_.post([this, name = found->id, settings] { want_model(name, settings); });
  return {};
}

}  // namespace exogpu::node
