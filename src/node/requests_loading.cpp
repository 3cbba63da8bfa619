// Requests for models of the library that are not loaded: they are wanted, and waited for.
#include <algorithm>
#include <format>
#include <limits>
#include <utility>

#include "cluster/fold.h"
#include "node/library/served_names.h"
#include "node/requests.h"

namespace exogpu::node {

namespace {

ModelEntry unloaded_entry(const wire::LibraryModel& model) {
  const auto context = std::min<uint64_t>(model.context, std::numeric_limits<uint32_t>::max());
  return {.id = model.model,
          .created = std::chrono::system_clock::time_point(std::chrono::seconds(model.changed_s)),
          .context_tokens = static_cast<uint32_t>(context),
          .state = ModelState::unloaded,
          .embeddings = model.abilities.embeddings};
}

void show_loading(ModelEntry& entry) {
  entry.state = ModelState::loading;
  entry.load_failed = false;
  entry.load_reason = "its file is read";
}

// How far the model is with being loaded, from 0 on, so that more is further. Nothing: it has no plan, a device could
// not load its part, or no node has the weights.
std::optional<double> progress_of(const wire::ModelRecord& model, const StageReports& reports) {
  if (!model.plan || !model.unfit.empty() || !cluster::missing_weights(model).empty()) return std::nullopt;
  double progress = 0;
  for (uint32_t i = 0; i < model.plan->stages.size(); ++i) {
    progress += static_cast<double>(model.plan->stages[i].phase);
    const auto report = reports.find({model.plan->made.plan.epoch, i});
    if (report == reports.end() || report->second.total == 0) continue;
    progress += static_cast<double>(report->second.done) / static_cast<double>(report->second.total);
  }
  return progress;
}

}  // namespace

std::optional<std::string> Requests::to_load(std::string_view name) const {
  const MutexLock lock(mutex_);
  if (unloaded_.empty()) return std::nullopt;
  if (name.empty()) {
    return std::ranges::any_of(named_, &Named::wanted) ? std::nullopt : std::optional(unloaded_.front().id);
  }
  const auto found = std::ranges::find(unloaded_, name, &ModelEntry::id);
  return found == unloaded_.end() ? std::nullopt : std::optional(found->id);
}

void Requests::load_for(GenerationRequest request, std::shared_ptr<GenerationListener> listener,
                        std::stop_token cancel) {
  Error why{ErrorCode::unavailable, std::format("the model \"{}\" is not loaded yet", request.model)};
  EarlyRequests::Request early{std::move(request), std::move(listener), std::move(cancel), {}, std::move(why)};
  // In this order, or it would see why an earlier attempt failed.
  host_.post([this, early = std::move(early)]() mutable {
    want(early.request.model, kept_for(early.request.keep_loaded_s));
    wait(std::move(early));
  });
}

std::optional<std::string> Requests::served_content(std::string_view name) const {
  const MutexLock lock(mutex_);
  const auto found =
      std::ranges::find_if(named_, [&](const Named& model) { return model.wanted && model.name == name; });
  return found == named_.end() ? std::nullopt : std::optional(found->requests->content());
}

void Requests::expect_load(const std::string& model) {
  const MutexLock lock(mutex_);
  expected_loads_.insert(model);
  library_listed_ = false;
  const auto found = std::ranges::find(unloaded_, model, &ModelEntry::id);
  if (found != unloaded_.end()) show_loading(*found);
}

std::vector<ModelEntry> Requests::models() const {
  const MutexLock lock(mutex_);
  std::vector<ModelEntry> entries;
  for (const Named& model : named_) {
    const auto expected = model.requests->generations().expected();
    if (expected) {
      entries.push_back({.id = model.name,
                         .created = expected->since,
                         .context_tokens = expected->context,
                         .embeddings = expected->encoder->details().embeddings});
    } else if (model.wanted) {
      entries.push_back({.id = model.name,
                         .created = model.since,
                         .context_tokens = model.context,
                         .state = ModelState::loading,
                         .load_reason = model.reason});
    }
  }
  entries.insert(entries.end(), unloaded_.begin(), unloaded_.end());
  std::ranges::stable_sort(entries, std::greater(), &ModelEntry::state);
  return entries;
}

// --- the node's thread

void Requests::load_begun(const std::string& model) {
  const MutexLock lock(mutex_);
  expected_loads_.erase(model);
  library_listed_ = false;
}

void Requests::library_changed() {
  const MutexLock lock(mutex_);
  library_listed_ = false;
}

void Requests::want(const std::string& model, const wire::LoadSettings& settings) {
  if (loading_.want) loading_.want(model, settings);
}

bool Requests::retry(EarlyRequests::Request& early) {
  if (const auto model = to_load(early.request.model)) return retry_load(*model, early);
  const auto model = requests_for(early.request);
  if (!model) {
    early.why = model.error();
    // Only what is further than ever counts: what fails is tried again.
    const auto now = progress(early.request.model);
    if (now && *now > early.progress) {
      early.progress = *now;
      early.until = EarlyRequests::Clock::now() + early.request.wait.value_or(host_.wait);
    }
    return false;
  }
  begin(**model, std::move(early.request), std::move(early.listener), std::move(early.cancel));
  return true;
}

bool Requests::retry_load(const std::string& model, EarlyRequests::Request& early) {
  if (const auto failure = loading_.failure(model)) {
    early.why = *failure;
    early.until = {};
    return false;
  }
  // It may have been loaded, and have made room for another one meanwhile.
  if (!loading_.active(model)) want(model, kept_for(early.request.keep_loaded_s));
  early.until = EarlyRequests::Clock::now() + early.request.wait.value_or(host_.wait);
  return false;
}

std::optional<double> Requests::progress(std::string_view name) const {
  const MutexLock lock(mutex_);
  for (const Named& model : named_) {
    if (model.progress && (name.empty() || model.name == name)) return model.progress;
  }
  return std::nullopt;
}

// Answers whose ring has ended, and whose model made room for another one, go on once it is loaded again, with the
// context that they were promised.
void Requests::load_interrupted(const wire::ReplicatedState& state) {
  for (const auto& [content, model] : models_) {
    if (state.models.contains(content) || !model.requests->generations().waiting()) continue;
    const auto name = to_load_again(state, content, model.name);
    if (!name || loading_.active(*name) || loading_.failure(*name)) continue;
    wire::LoadSettings settings;
    settings.defaults = model.settings;
    want(*name, settings);
  }
}

std::optional<std::string> Requests::to_load_again(const wire::ReplicatedState& state, const std::string& content,
                                                   const std::string& name) const {
  if (auto same = to_load(name)) return same;
  for (const auto& [id, node] : state.nodes) {
    const auto file = std::ranges::find(node.library, content, &wire::LibraryModel::content);
    if (node.online && file != node.library.end()) return to_load(file->model);
  }
  return std::nullopt;
}

bool Requests::list_library(const wire::ReplicatedState& state, std::vector<ModelEntry>& unloaded) {
  {
    const MutexLock lock(mutex_);
    if (std::exchange(library_listed_, true)) return false;
  }
  other_names_ = other_names(state);
  unloaded = unloaded_models(state);
  return true;
}

void Requests::publish(const wire::ReplicatedState& state, const StageReports& reports) {
  std::vector<ModelEntry> unloaded;
  const bool listed = list_library(state, unloaded);
  std::vector<Named> named;
  for (const wire::ModelRecord* model : models_in_order(state)) {
    const Model& known = models_.at(model->served.content);
    named.push_back({.name = known.name,
                     .requests = known.requests,
                     .since = known.since,
                     .wanted = true,
                     .progress = progress_of(*model, reports),
                     .reason = not_serving_reason(state, *model, reports),
                     .context = model->served.settings.context});
  }
  for (const auto& [name, content] : other_names_) {
    const auto same = std::ranges::find(named, models_.at(content).name, &Named::name);
    if (same == named.end()) continue;
    Named other = *same;
    other.name = name;
    named.push_back(std::move(other));
  }
  const MutexLock lock(mutex_);
  // Together with `named_`, or a model that is being unloaded would be in both, and a request for it would be answered
  // by the plan that ends.
  if (listed) unloaded_ = std::move(unloaded);
  // What is no longer served may be waited for; what can be loaded again is.
  for (const auto& [content, model] : models_) {
    if (state.models.contains(content) || std::ranges::contains(unloaded_, model.name, &ModelEntry::id)) continue;
    if (model.requests->generations().expected())
      named.push_back({.name = model.name, .requests = model.requests, .since = model.since});
  }
  named_ = std::move(named);
  no_model_ = {ErrorCode::unavailable, "no model is to be served"};
}

// By name.
std::vector<ModelEntry> Requests::unloaded_models(const wire::ReplicatedState& state) const {
  if (!loading_.want) return {};
  std::map<std::string, ModelEntry> models;
  for (const auto& [id, node] : state.nodes) {
    for (const wire::LibraryModel& model : node.library) {
      if (node.online) models.try_emplace(model.model, unloaded_entry(model));
    }
  }
  for (const auto& [content, model] : state.models) models.erase(model.served.model);
  for (const auto& [name, content] : other_names_) models.erase(name);
  std::vector<ModelEntry> list;
  const MutexLock lock(mutex_);
  for (auto& [name, entry] : models) {
    if (loading_.active(name) || expected_loads_.contains(name)) {
      show_loading(entry);
    } else if (const auto failure = loading_.failure(name)) {
      entry.load_failed = true;
      entry.load_reason = failure->message;
    }
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace exogpu::node
