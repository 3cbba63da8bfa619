// As the leader: which models stay, which go for want of use, and which make room for others.
#include <algorithm>
#include <format>

#include "cluster/agent.h"
#include "cluster/fold.h"
#include "cluster/make_room.h"
#include "cluster/plan_for.h"
#include "cluster/timing.h"

namespace exogpu::cluster {

using namespace wire;
using std::chrono::seconds;

// Whether a model has no plan. There may be room for it once another one is idle.
bool Agent::waits_for_room() const {
  return std::ranges::any_of(state_.models, [](const auto& each) { return !each.second.plan; });
}

void Agent::set_busy(std::set<std::string> models, Time now) {
  const bool any_ended = !std::ranges::includes(models, busy_models_);
  busy_models_ = std::move(models);
  if (!any_ended || !waits_for_room()) return;
  if (role_ == Role::following) acknowledge(term_.leader, 0);
  if (role_ == Role::leading) lead_at_ = now;
  step(now);
}

// Whether no node has requests for the model in progress.
bool Agent::idle(const std::string& content) const {
  return !busy_models_.contains(content) && !used_models_.contains(content) &&
         std::ranges::none_of(followers_, [&](const auto& each) { return each.second.busy_models.contains(content); });
}

void Agent::note_uses(const std::set<std::string>& contents, Time now) {
  for (const std::string& content : contents) {
    if (state_.models.contains(content)) used_at_[content] = now;
  }
}

// Followed by lead(): a model that is new counts as used now.
void Agent::update_uses(Time now) {
  note_uses(busy_models_, now);
  note_uses(std::exchange(used_models_, {}), now);
  std::erase_if(used_at_, [&](const auto& each) { return !state_.models.contains(each.first); });
  for (const auto& [content, model] : state_.models) used_at_.try_emplace(content, now);
}

// What the previous leader reported of them.
void Agent::take_over_uses(Time now) {
  for (const auto& [content, unused] : unused_) {
    if (state_.models.contains(content)) used_at_[content] = now - unused;
  }
}

std::map<std::string, Duration> Agent::unused_models(Time now) const {
  if (role_ != Role::leading) return unused_;
  std::map<std::string, Duration> unused;
  for (const auto& [content, at] : used_at_) unused.emplace(content, now - at);
  return unused;
}

std::vector<ModelUse> Agent::model_uses(Time now) const {
  std::vector<ModelUse> uses;
  for (const auto& [content, model] : state_.models) {
    const auto used = used_at_.find(content);
    if (!model.plan || used == used_at_.end()) continue;
    const auto unused = std::chrono::duration_cast<seconds>(now - used->second);
    uses.push_back({.epoch = model.plan->made.plan.epoch, .unused_s = static_cast<uint32_t>(unused.count())});
  }
  return uses;
}

void Agent::remove_unused_models(Time now) {
  std::vector<ModelRemoved> removed;
  for (const auto& [content, model] : state_.models) {
    const seconds keep(model.served.keep_loaded_s);
    const auto used = used_at_.find(content);
    if (model.served.pinned || keep == seconds(0) || used == used_at_.end() || !idle(content)) continue;
    const Duration unused = now - used->second;
    if (unused >= keep) {
      removed.push_back({.content = content, .reason = std::format("nobody used it for {} s", keep.count())});
    } else if (!model.plan && unused >= kUnplacedKept) {
      removed.push_back({.content = content, .reason = "there is no room for it: " + model.no_plan_reason});
    } else if (const std::string missing = missing_weights(model); !missing.empty() && unused >= kUnplacedKept) {
      removed.push_back({.content = content, .reason = "its weights are gone: " + missing});
    }
  }
  for (const ModelRemoved& event : removed) append(event);
}

// Of the models that are not in use, those that were not used for longest first: they give up the context beyond their
// settings, or, where that is not enough for the model without a plan, are removed, but for those that are pinned.
bool Agent::make_room(const std::string& content, const PlanContext& context) {
  std::vector<std::pair<Time, std::string>> by_use;
  for (const auto& [other, model] : state_.models) {
    if (other == content || !idle(other)) continue;
    const auto used = used_at_.find(other);
    by_use.emplace_back(used == used_at_.end() ? Time{} : used->second, other);
  }
  std::ranges::sort(by_use);
  std::vector<Yielding> ready;
  for (const auto& [used, other] : by_use) {
    if (has_longer_context(state_.models.at(other))) ready.push_back({.content = other, .removed = false});
  }
  for (const auto& [used, other] : by_use) {
    if (!state_.models.at(other).served.pinned) ready.push_back({.content = other});
  }
  const std::vector<Yielding> yielding = models_in_the_way(state_, content, ready);
  const std::string name = state_.models.at(content).served.model;
  for (const Yielding& each : yielding) {
    if (each.removed) {
      append(ModelRemoved{.content = each.content, .reason = std::format("it makes room for {}", name)});
    } else {
      PlanMade made = with_usual_context(state_.models.at(each.content));
      made.plan.epoch = next_epoch(state_.epoch_last, context);
      append(std::move(made));
    }
  }
  return !yielding.empty();
}

void Agent::plan_model(const std::string& content, const PlanContext& context) {
  if (!state_.models.contains(content)) return;  // it has made room for another one
  auto event = plan_for(model_view(state_, content), context);
  const bool no_room = event ? std::holds_alternative<PlanEnded>(*event) : !state_.models.at(content).plan;
  if (no_room && make_room(content, context)) event = plan_for(model_view(state_, content), context);
  if (event) append(*event);
}

}  // namespace exogpu::cluster
