// Messages and states of the cluster in words, for transcripts; testdata/README.md explains them.
#pragma once

#include <algorithm>
#include <format>
#include <string>

#include "cluster/agent.h"
#include "cluster/fold.h"

namespace exogpu::cluster::testing {

// Nodes are called a, b, c ... by the first byte of their ids.
inline std::string letter(wire::NodeId node) { return std::string(1, static_cast<char>('a' - 1 + node.bytes()[0])); }

inline std::string describe(const wire::Term& term) {
  return term.counter == 0 ? "no term" : std::format("term {}{}", term.counter, letter(term.leader));
}

inline std::string describe(const wire::Position& at) {
  return at.index == 0 ? "0" : std::format("{}{}:{}", at.term.counter, letter(at.term.leader), at.index);
}

// Empty for that of example_model().
inline std::string name_of_model(const std::string& content) { return content == "abc" ? "" : content + " "; }

inline std::string describe(const wire::StagePlan& plan) {
  std::string text;
  for (const wire::PlannedStage& stage : plan.stages) {
    text += std::format(" {}:{}-{}", letter(stage.device.node), stage.layers.begin, stage.layers.end - 1);
  }
  return text;
}

inline std::string describe(const wire::NodePair& link) { return letter(link.first) + "-" + letter(link.second); }

inline std::string describe(const wire::NodeCondition& condition) {
  std::string text;
  if (condition.battery) text += condition.battery->low ? " battery low" : " on battery";
  for (const wire::DeviceCondition& device : condition.devices) text += std::format(" {}", to_string(device.heat));
  return text.empty() ? " none" : text;
}

struct EventWords {
  std::string operator()(const wire::TermBegan&) const { return "term begins"; }
  std::string operator()(const wire::NodeReported& event) const {
    const size_t links = event.facts.info.links.size();
    return std::format("facts of {}{}", letter(event.facts.info.self.node),
                       links == 0 ? "" : std::format(" with {} link{}", links, links == 1 ? "" : "s"));
  }
  std::string operator()(const wire::ConditionReported& event) const {
    return std::format("condition of {}:{}", letter(event.node), describe(event.condition));
  }
  std::string operator()(const wire::LibraryReported& event) const {
    return std::format("library of {}: {} models", letter(event.node), event.models.size());
  }
  std::string operator()(const wire::AccessKeySet& event) const {
    return std::format("key {} version {}{}", event.key.name, event.key.version, event.key.revoked ? ", revoked" : "");
  }
  std::string operator()(const wire::NodeLost& event) const {
    return std::format("{} offline ({})", letter(event.node), event.reason);
  }
  std::string operator()(const wire::NodeForgotten& event) const { return letter(event.node) + " forgotten"; }
  std::string operator()(const wire::DrainingSet& event) const {
    return letter(event.node) + (event.draining ? " draining" : " not draining");
  }
  std::string operator()(const wire::ModelSet& event) const {
    return std::format("model {}of {} layers{}", name_of_model(event.model.content), event.model.shape.layers.size(),
                       event.model.pinned ? ", pinned" : "");
  }
  std::string operator()(const wire::ModelRemoved& event) const {
    return std::format("model {}removed ({})", name_of_model(event.content), event.reason);
  }
  std::string operator()(const wire::PlanMade& event) const {
    return name_of_model(event.plan.content) + "plan" + describe(event.plan);
  }
  std::string operator()(const wire::PlanEnded& event) const {
    return std::format("{}no plan ({}){}", name_of_model(event.content), event.reason,
                       event.link ? ", link " + describe(*event.link) : "");
  }
  std::string operator()(const wire::LinkUse& event) const {
    return std::format("link {} {}", describe(event.link), event.avoided ? "avoided" : "used again");
  }
  std::string operator()(const wire::StageReported& event) const {
    return std::format("stage {} {}{}", event.stage, to_string(event.phase),
                       event.failure.empty() ? "" : std::format(" ({})", event.failure));
  }
};

inline std::string describe(const wire::Event& event) { return std::visit(EventWords{}, event); }

struct MessageWords {
  std::string operator()(const wire::ElectionProbe& message) const {
    const std::string leader = message.is_leader    ? std::format("leads {}", message.followers)
                               : message.has_leader ? "follows"
                                                    : "no leader";
    return std::format("{}: {}, {}{}", message.wants_reply ? "probe" : "probe reply", describe(message.term), leader,
                       message.serving ? ", serving" : "");
  }
  std::string operator()(const wire::Heartbeat& message) const {
    return std::format("heartbeat {}: {}, last ack {}", message.number, describe(message.term), message.acked);
  }
  std::string operator()(const wire::HeartbeatAck& message) const {
    return std::format("ack {}: {}, at {}", message.number, describe(message.term), describe(message.at));
  }
  std::string operator()(const wire::LinkPing& message) const { return message.answer ? "pong" : "ping"; }
  std::string operator()(const wire::LogEntries& message) const {
    std::string text;
    for (const wire::Entry& entry : message.entries) text += (text.empty() ? "" : ", ") + describe(entry.event);
    return std::format("log after {}: {}", describe(message.before), text);
  }
  std::string operator()(const wire::LogSnapshot& message) const {
    return std::format("snapshot at {}", describe(message.state.at));
  }
  std::string operator()(const wire::LogProposal& message) const {
    std::string text;
    for (const wire::Event& event : message.events) text += (text.empty() ? "" : ", ") + describe(event);
    return "proposal: " + text;
  }
};

inline std::string describe(const Message& message) { return std::visit(MessageWords{}, message); }

inline std::string describe(const wire::ReplicatedState& state) {
  std::string text = "at " + describe(state.at) + ":";
  for (const auto& [id, node] : state.nodes) {
    const bool unfit = std::ranges::any_of(state.models, [&](const auto& model) {
      return std::ranges::any_of(model.second.unfit, [&](const auto& each) { return each.first.node == id; });
    });
    text += std::format(" {} {}{}{}", letter(id), node.online ? "online" : "offline", node.draining ? " draining" : "",
                        unfit ? " unfit" : "");
    if (node.condition != wire::NodeCondition{}) text += describe(node.condition);
    text += ",";
  }
  if (state.nodes.empty()) text += " no nodes,";
  for (const wire::NodePair& link : state.links_avoided) text += std::format(" link {} avoided,", describe(link));
  text.pop_back();
  for (const auto& [content, model] : state.models) {
    if (model.plan) {
      text += std::format("; {}{}{}", name_of_model(content), serving(model) ? "serving" : "plan",
                          describe(model.plan->made.plan));
    } else {
      text += std::format("; {}no plan: {}", name_of_model(content), model.no_plan_reason);
    }
  }
  return text;
}

}  // namespace exogpu::cluster::testing
