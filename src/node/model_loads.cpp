#include "node/model_loads.h"

#include <algorithm>
#include <format>
#include <utility>

#include "base/utf8.h"
#include "cluster/make_room.h"
#include "node/library/served_names.h"

namespace exogpu::node {

namespace {

// Whether the settings differ in what can be changed without the file: not in the size of the cache.
bool same_size(const wire::ServedModel& served, const wire::LoadSettings& wanted) {
  return (!wanted.context || *wanted.context == served.settings.context) &&
         (!wanted.sequences || *wanted.sequences == served.settings.sequences);
}

bool same_devices(const wire::ServedModel& served, const wire::LoadSettings& wanted) {
  return (!wanted.layers || *wanted.layers == served.layers) &&
         (!wanted.without || *wanted.without == served.without) &&
         (!wanted.objective || *wanted.objective == served.settings.objective);
}

bool fulfils(const wire::ServedModel& served, const wire::LoadSettings& wanted) {
  return (!wanted.pinned || served.pinned) && same_size(served, wanted) && same_devices(served, wanted) &&
         (!wanted.keep_loaded_s || served.pinned || *wanted.keep_loaded_s == served.keep_loaded_s);
}

wire::ServedModel changed(wire::ServedModel served, const wire::LoadSettings& wanted) {
  served.pinned = served.pinned || wanted.pinned;
  served.keep_loaded_s = wanted.keep_loaded_s.value_or(served.keep_loaded_s);
  served.layers = wanted.layers.value_or(served.layers);
  served.without = wanted.without.value_or(served.without);
  served.settings.objective = wanted.objective.value_or(served.settings.objective);
  return served;
}

}  // namespace

void ModelLoads::register_handlers(Dispatch& dispatch) {
  dispatch.on<wire::LoadModel>([this](wire::NodeId from, const wire::LoadModel& message) { on_load(from, message); });
  dispatch.on<wire::LoadRefused>(
      [this](wire::NodeId from, const wire::LoadRefused& message) { on_refused(from, message); });
}

// --- what is wanted here

void ModelLoads::want(const std::string& model, const wire::LoadSettings& settings) {
  const auto known = wants_.find(model);
  if (known != wants_.end() && !known->second.failure && known->second.settings.same_wish(settings)) return;
  Want& want = wants_[model];
  want.settings = settings;
  want.asked.reset();
  want.failure.reset();
  if (update(model, want)) wants_.erase(model);
  host_.on_change();
}

void ModelLoads::update() {
  const auto now = host_.now();
  std::erase_if(preparations_, [&](const auto& each) {
    const auto& [model, preparation] = each;
    const wire::ServedModel* known = served(model);
    // What the cluster has is over: the model may make room for another one and be wanted again a moment later.
    if (known != nullptr && fulfils(*known, preparation.settings)) return true;
    return preparation.proposed_at && now >= *preparation.proposed_at + kPrepareAgain;
  });
  if (std::erase_if(wants_, [this](auto& each) { return update(each.first, each.second); }) > 0) host_.on_change();
}

// True: it is done.
bool ModelLoads::update(const std::string& model, Want& want) {
  if (const wire::ServedModel* known = served(model)) {
    if (fulfils(*known, want.settings)) return true;
    if (same_size(*known, want.settings) && !want.failure) return change(changed(*known, want.settings), want);
  }
  if (want.failure) return false;
  const auto holder = holder_of(model);
  if (!holder) {
    want.failure = {ErrorCode::not_found,
                    std::format("no node that is online has a file of the model \"{}\"", printable(model))};
    host_.on_change();
    return false;
  }
  if (want.asked != holder || host_.now() >= want.asked_at + kAskAgain) ask(model, want, *holder);
  return false;
}

// Of a served model. What cannot be planned is refused, and it goes on as it is.
bool ModelLoads::change(wire::ServedModel model, Want& want) {
  if (!same_devices(*served(model.model), want.settings)) {
    const std::string reason = cluster::too_large_reason(host_.state(), model);
    if (!reason.empty()) {
      want.failure = {ErrorCode::resource_exhausted, reason};
      return false;
    }
  }
  host_.propose({.model = std::move(model)});
  return true;
}

void ModelLoads::ask(const std::string& model, Want& want, wire::NodeId holder) {
  want.asked = holder;
  want.asked_at = host_.now();
  const wire::LoadModel message{.model = model, .settings = want.settings};
  if (holder == self_) return on_load(self_, message);
  (void)transport_->send_message(holder, message);
}

// All nodes choose the same one, so that the model is proposed once: the one with the lowest id that can be reached.
std::optional<wire::NodeId> ModelLoads::holder_of(const std::string& model) const {
  const std::vector<wire::NodeId> connected = transport_->connected_nodes();
  for (const auto& [id, node] : host_.state().nodes) {
    if (!node.online || !std::ranges::contains(node.library, model, &wire::LibraryModel::model)) continue;
    if (id == self_ ? host_.has_file(model) : std::ranges::contains(connected, id)) return id;
  }
  return std::nullopt;
}

const wire::ServedModel* ModelLoads::served(const std::string& model) const {
  const wire::ModelRecord* found = find_served(host_.state(), model);
  return found == nullptr ? nullptr : &found->served;
}

void ModelLoads::on_refused(wire::NodeId from, const wire::LoadRefused& message) {
  const auto want = wants_.find(message.model);
  if (want == wants_.end() || want->second.asked != from) return;
  want->second.failure = message.reason;
  host_.on_change();
}

bool ModelLoads::active(const std::string& model) const {
  const auto want = wants_.find(model);
  return want != wants_.end() && !want->second.failure;
}

std::optional<Error> ModelLoads::failure(const std::string& model) const {
  const auto want = wants_.find(model);
  return want == wants_.end() ? std::nullopt : want->second.failure;
}

// --- what other nodes want of this one, or it does itself

void ModelLoads::on_load(wire::NodeId from, const wire::LoadModel& message) {
  const std::string& model = message.model;
  if (const wire::ServedModel* known = served(model); known && fulfils(*known, message.settings)) return;
  const auto known = preparations_.find(model);
  if (known != preparations_.end() &&
      (!known->second.proposed_at || known->second.settings.same_wish(message.settings))) {
    known->second.askers.insert(from);
    return;
  }
  preparations_.insert_or_assign(model, Preparation{.settings = message.settings, .askers = {from}});
  if (!host_.has_file(model)) {
    return refuse(model, {ErrorCode::not_found, std::format("the file of the model \"{}\" is gone", printable(model))});
  }
  host_.prepare(model, message.settings,
                [this, model](Result<wire::ServedModel> prepared) { on_prepared(model, std::move(prepared)); });
}

void ModelLoads::on_prepared(const std::string& model, Result<wire::ServedModel> prepared) {
  const auto preparation = preparations_.find(model);
  if (preparation == preparations_.end()) return;
  if (!prepared) return refuse(model, prepared.error());
  const auto& models = host_.state().models;
  if (const auto same = models.find(prepared->content); same != models.end()) {
    // It is served by another name, which it keeps; that both are one shows in the library from now on.
    const wire::ServedModel& known = same->second.served;
    prepared->model = known.model;
    prepared->pinned = prepared->pinned || known.pinned;
    if (fulfils(known, preparation->second.settings)) {
      preparation->second.proposed_at = host_.now();
      return;
    }
  }
  if (const auto sound = check(*prepared); !sound) return refuse_with_advice(*prepared, model, sound.error());
  preparation->second.proposed_at = host_.now();
  host_.propose({.model = *std::move(prepared)});
}

Result<void> ModelLoads::check(const wire::ServedModel& model) const {
  const auto same_name = [&](const auto& each) {
    return each.first != model.content && each.second.served.model == model.model;
  };
  if (std::ranges::any_of(host_.state().models, same_name)) {
    return fail(ErrorCode::already_exists, "the cluster serves another model named {}", model.model);
  }
  const std::string reason = cluster::too_large_reason(host_.state(), model);
  if (!reason.empty()) return fail(ErrorCode::resource_exhausted, "{}", reason);
  return {};
}

void ModelLoads::refuse_with_advice(const wire::ServedModel& served, const std::string& model, const Error& reason) {
  if (reason.code != ErrorCode::resource_exhausted || !host_.advise) return refuse(model, reason);
  host_.advise(served, [this, model, reason](const std::string& advice) {
    refuse(model, {reason.code, advice.empty() ? reason.message : std::format("{}. {}", reason.message, advice)});
  });
}

void ModelLoads::refuse(const std::string& model, const Error& reason) {
  const auto preparation = preparations_.extract(model);
  if (preparation.empty()) return;
  const wire::LoadRefused message{.model = model, .reason = reason};
  for (const wire::NodeId asker : preparation.mapped().askers) {
    if (asker == self_) {
      on_refused(self_, message);
    } else {
      (void)transport_->send_message(asker, message);
    }
  }
}

}  // namespace exogpu::node
