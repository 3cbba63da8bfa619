// The library of a node: what it has files of, and how models of it come to be served.
#include <algorithm>
#include <format>
#include <utility>

#include "base/utf8.h"
#include "cluster/what_fits.h"
#include "node/node_impl.h"
#include "placement/by_name.h"

namespace exogpu::node {

using std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds kAgain{200};

// Errors: not_found (an object is missing, or the model was removed), those of weights::WeightCache::find().
Result<std::shared_ptr<const weights::Content>> cached_content(weights::WeightCache& cache, const std::string& id) {
  const auto content = wire::ContentId::parse(id);
  if (!content) return fail(ErrorCode::not_found, "the model of the cache has no content id");
  EXO_TRY(const auto model, cache.find(*content));
  if (std::ranges::contains(model->present(), false)) {
    return fail(ErrorCode::not_found, "{}: not all of the model is in the cache any more", model->folder().string());
  }
  return weights::Content::of_cache(model);
}

// `serve`: as this node is set up.
ServeSettings with(ServeSettings serve, const wire::LoadSettings& settings) {
  if (settings.defaults) {
    serve.serving = settings.defaults->serving;
    serve.devices_min = settings.defaults->devices_min;
    serve.without = settings.defaults->without;
    serve.keep_loaded_s = settings.defaults->keep_loaded_s;
  }
  wire::ServingSettings& serving = serve.serving;
  serving.context = settings.context.value_or(serving.context);
  serving.sequences = settings.sequences.value_or(serving.sequences);
  if (serving.pool_tokens > 0) serving.pool_tokens = std::max(serving.pool_tokens, serving.context);
  serving.objective = settings.objective.value_or(serving.objective);
  serve.layers = settings.layers.value_or(serve.layers);
  serve.without = settings.without.value_or(serve.without);
  serve.pinned = settings.pinned;
  serve.keep_loaded_s = settings.keep_loaded_s.value_or(serve.keep_loaded_s);
  return serve;
}

struct Prepared {
  SharedGguf file;
  wire::ServedModel served;  // without its content
};

// Errors: what is wrong with the file.
Result<Prepared> prepare(const OwnModel& own, std::span<const gpu::Device> devices, const ServeSettings& serve,
                         const std::function<void(const std::string&)>& note) {
  EXO_TRY(model::Gguf file, model::Gguf::open(own.path));
  Prepared out{.file = std::make_shared<const model::Gguf>(std::move(file)), .served = {}};
  EXO_TRY(out.served, served_model(*out.file, devices, serve, note));
  out.served.model = out.served.shape.name = own.facts.model;  // a file of the cache has another
  return out;
}

// A file that some node has read whole. Null: none is known.
const wire::LibraryModel* file_with(const wire::ReplicatedState& state, const std::string& content) {
  for (const auto& [id, node] : state.nodes) {
    const auto file = std::ranges::find(node.library, content, &wire::LibraryModel::content);
    if (file != node.library.end()) return &*file;
  }
  return nullptr;
}

// All but the name, so that one content may have two.
bool alike(const wire::LibraryModel& a, const wire::LibraryModel& b) {
  return a.bytes == b.bytes && a.architecture == b.architecture && a.quantisation == b.quantisation &&
         a.layers == b.layers && a.parameters == b.parameters && a.context == b.context;
}

}  // namespace

void Node::Impl::make_library() {
  library_.emplace(OwnLibraryOptions{.folder = options_.models,
                                     .given = options_.model,
                                     .manifests = options_.cache / "manifests",
                                     .cache = resources_.cache},
                   OwnLibraryHost{.post = [this](auto task) { loop_.post(std::move(task)); },
                                  .in_background = [this](auto task) { in_background(std::move(task)); },
                                  .on_change =
                                      [this] {
                                        agent_->change([this](cluster::Agent& agent, cluster::Time now) {
                                          agent.set_library(own_library(), now);
                                        });
                                      }});
  predictions_.emplace([this](const std::string& model) { return options_.serve_settings(model).serving; },
                       PredictionsHost{.post = [this](auto task) { loop_.post(std::move(task)); },
                                       .in_background = [this](auto task) { in_background(std::move(task)); },
                                       .on_change =
                                           [this] {
                                             predictions_->update(agent_->state(), steady_clock::now());
                                             status_->set_changed();
                                           }});
  loads_.emplace(
      self(), *peers_,
      ModelLoadsHost{.now = [] { return steady_clock::now(); },
                     .state = [this]() -> const wire::ReplicatedState& { return agent_->state(); },
                     .has_file = [this](const std::string& model) { return library_->find(model) != nullptr; },
                     .prepare = [this](const std::string& model, const wire::LoadSettings& settings,
                                       auto done) { prepare_model(model, settings, std::move(done)); },
                     .propose = [this](const wire::ModelSet& event) { propose(event); },
                     .on_change =
                         [this] {
                           requests_->library_changed();
                           loop_.post([this] { update_requests(); });
                         },
                     .advise = [this](const wire::ServedModel& model, auto done) { advise(model, std::move(done)); }});
  requests_->set_loading(
      {.want = [this](const std::string& model, const wire::LoadSettings& settings) { want_model(model, settings); },
       .active = [this](const std::string& model) { return loads_->active(model); },
       .failure = [this](const std::string& model) { return loads_->failure(model); },
       .on_use =
           [this](const std::string& content) {
             agent_->change([&](cluster::Agent& agent, cluster::Time) { agent.note_use(content); });
           }});
}

void Node::Impl::advise(const wire::ServedModel& model, std::function<void(std::string)> done) {
  in_background([this, model, state = agent_->state(), done = std::move(done)]() mutable {
    loop_.post([done = std::move(done), advice = cluster::what_would_fit(state, model)] { done(advice); });
  });
}

void Node::Impl::propose(const wire::Event& event) {
  agent_->change([&](cluster::Agent& agent, cluster::Time at) { agent.command(event, at); });
}

void Node::Impl::want_model(const std::string& model, wire::LoadSettings settings) {
  const ServeSettings own = options_.serve_settings(model);
  if (!settings.defaults) {
    settings.defaults = {.serving = own.serving,
                         .devices_min = own.devices_min,
                         .without = own.without,
                         .keep_loaded_s = own.keep_loaded_s};
  }
  loads_->want(model, settings);
  // It may not make room for another one before its first request.
  agent_->change([this](cluster::Agent& agent, cluster::Time now) { agent.set_busy(busy(), now); });
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
  std::error_code ignored;
  const bool given = !options_.model.empty() && std::filesystem::equivalent(own->path, options_.model, ignored);
  wire::LoadSettings wanted = settings;
  if (given) wanted.defaults.reset();  // it is proposed without a request as this node is set up
  ServeSettings serve = with(options_.serve_settings(model), wanted);
  if (given) {
    serve.layers = wanted.layers.value_or(options_.layers);
    serve.pinned = true;
  }
  in_background([this, own = *own, serve = std::move(serve), done = std::move(done)]() mutable {
    auto prepared = prepare(own, resources_.machine.devices(), serve, options_.on_note);
    loop_.post([this, own, prepared = std::move(prepared), done = std::move(done)]() mutable {
      if (!prepared) return done(std::unexpected(prepared.error()));
      read_content(own, prepared->file,
                   [served = std::move(prepared->served), done = std::move(done)](Result<std::string> content) mutable {
                     if (!content) return done(std::unexpected(content.error()));
                     served.content = *std::move(content);
                     done(std::move(served));
                   });
    });
  });
}

// Reads all of the file, unless that was done before: its content has to be known before others can get it.
void Node::Impl::read_content(const OwnModel& own, SharedGguf file, std::function<void(Result<std::string>)> done) {
  if (own.cached) return offer_cached(own, std::move(done));
  const std::string& name = own.facts.model;
  if (measuring_.contains(name)) {
    return loop_.post_after(kAgain, [this, own, file = std::move(file), done = std::move(done)]() mutable {
      read_content(own, std::move(file), std::move(done));
    });
  }
  const auto on_done = [this, own,
                        done = std::move(done)](const Result<std::shared_ptr<const weights::Content>>& content) {
    loop_.post([this, name = own.facts.model] { measuring_.erase(name); });
    if (!content) return done(std::unexpected(content.error()));
    model_files_->add_file(*content);
    const std::string id = (*content)->id().text();
    library_->set_content(own.path, id);
    done(id);
  };
  measuring_.try_emplace(
      name, weights::Catalogue(options_.cache / "manifests"), std::move(file),
      [this](auto task) { loop_.post(std::move(task)); },
      weights::Measuring::Calls{.on_progress = {}, .on_done = on_done});
}

void Node::Impl::offer_cached(const OwnModel& own, std::function<void(Result<std::string>)> done) {
  in_background([this, id = own.facts.content, done = std::move(done)]() mutable {
    auto content = cached_content(*resources_.cache, id);
    loop_.post([this, id, content = std::move(content), done = std::move(done)] {
      if (!content) {
        library_->set_changed();
        return done(std::unexpected(content.error()));
      }
      model_files_->offer(*content);
      done(id);
    });
  });
}

// --- files of models that others proposed

// With them stages here compute from the file, and the model outlives the nodes that it came from. Files are read one
// after another.
void Node::Impl::read_served_files() {
  if (!measuring_.empty()) return;
  for (const auto& [content, record] : agent_->state().models) {
    const OwnModel* own = model_files_->has_file(content) ? nullptr : unread_file(record.served);
    if (own == nullptr || model_files_->reading(own->path)) continue;
    read_.emplace(own->path, own->facts.changed_s);
    return in_background([this, own = *own] {
      auto opened = model::Gguf::open(own.path);
      if (!opened) return;
      loop_.post([this, own, file = std::make_shared<const model::Gguf>(*std::move(opened))] {
        read_content(own, file, [](const Result<std::string>&) {});
      });
    });
  }
}

// A file that may have the content of this model. Whether it does shows when it is read whole.
const OwnModel* Node::Impl::unread_file(const wire::ServedModel& served) const {
  const wire::LibraryModel* known = file_with(agent_->state(), served.content);
  const OwnModel* found = nullptr;
  for (const OwnModel& own : library_->models()) {
    if (own.cached || read_.contains({own.path, own.facts.changed_s})) continue;
    if (own.facts.content == served.content) return &own;
    if (!own.facts.content.empty()) continue;
    if (own.facts.model == served.model) return &own;
    if (known != nullptr && alike(own.facts, *known)) found = &own;
  }
  return found;
}

// --- any thread

void Node::Impl::want_predictions() {
  if (!predictions_->want(steady_clock::now())) return;
  loop_.post([this] { predictions_->update(agent_->state(), steady_clock::now()); });
}

Result<void> Node::Impl::load(std::string_view model, const wire::LoadSettings& settings) {
  const auto models = requests_->models();
  const auto found = std::ranges::find(models, model, &ModelEntry::id);
  if (found == models.end()) {
    std::string names;
    for (const ModelEntry& each : models) names += std::format("{}{}", names.empty() ? "" : ", ", each.id);
    return fail(ErrorCode::not_found, "there is no model \"{}\"; here are: {}", printable(std::string(model)), names);
  }
  if (settings.layers && !settings.layers->empty()) EXO_CHECK(placement::check_layers(*settings.layers));
  EXO_CHECK(check_leader());
  requests_->expect_load(found->id);
  loop_.post([this, name = found->id, settings] {
    want_model(name, settings);
    requests_->load_begun(name);
  });
  return {};
}

Result<void> Node::Impl::unload(std::string_view model) {
  auto served = requests_->served_content(model);
  if (!served) {
    const auto cluster = status_->snapshot();
    std::string names;
    for (const ModelSnapshot& each : cluster->models)
      names += std::format("{}{}", names.empty() ? "" : ", ", each.name);
    return fail(ErrorCode::not_found, "there is no model \"{}\"; here are: {}", printable(std::string(model)), names);
  }
  EXO_CHECK(check_leader());
  loop_.post([this, content = *std::move(served)] {
    propose(wire::ModelRemoved{.content = content, .reason = "a user unloaded it"});
  });
  return {};
}

}  // namespace exogpu::node
