// Agents on a fake network and clock, driven by lines of text; reports what happens as lines of text.
// testdata/README.md has the commands and explains the output.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "cluster/testing/describe.h"
#include "cluster/testing/examples.h"

namespace exogpu::cluster::testing {

class Scenario {
 public:
  // What the command brings about. A line that begins with "?" means that the command is not understood.
  std::string execute(const std::string& line) {
    out_.clear();
    std::istringstream stream(line);
    std::string command, word;
    Words words;
    stream >> command;
    while (stream >> word) words.push_back(word);
    if (!run_command(command, words)) return std::format("? {}\n", line);
    collect();
    return std::move(out_);
  }

 private:
  using Words = std::vector<std::string>;
  using Pair = std::pair<wire::NodeId, wire::NodeId>;
  struct Node {
    Agent agent;
    std::string shown;  // its role, as it was shown last
  };
  struct Arrival {
    wire::NodeId from;
    Send send;
  };

  static constexpr Duration kTick = std::chrono::milliseconds(1);
  static constexpr Duration kDelay = std::chrono::milliseconds(1);

  static constexpr const char* kContent = "abc";  // of example_model()
  static const wire::PlanRecord* plan_of(const Agent& agent) {
    const auto model = agent.state().models.find(kContent);
    return model != agent.state().models.end() && model->second.plan ? &*model->second.plan : nullptr;
  }
  static wire::NodeId id_of(const std::string& word) { return example_id(static_cast<uint8_t>(word[0] - 'a' + 1)); }
  static std::string rest(const Words& words, size_t from) {
    std::string text;
    for (size_t i = from; i < words.size(); ++i) text += (text.empty() ? "" : " ") + words[i];
    return text;
  }

  bool run_command(const std::string& command, const Words& words) {
    if (command == "states") return show_states();
    if (command == "ready") return report_all_ready();
    if (words.empty()) return false;
    if (command == "run") return run(words);
    if (command == "start") return start(words);
    if (command == "stop") return stop(id_of(words[0]));
    if (command == "link") return for_pairs(words, [this](auto a, auto b) { link(a, b); });
    if (command == "cut") return for_pairs(words, [this](auto a, auto b) { cut(a, b); });
    if (command == "block") return blocked_.emplace(id_of(words[0]), id_of(words.at(1))).second;
    if (command == "unblock") return blocked_.erase({id_of(words[0]), id_of(words.at(1))}) > 0;
    if (command == "delay") return set_delay(words);
    const auto node = nodes_.find(id_of(words[0]));
    return node != nodes_.end() && apply(node->second.agent, command, words);
  }

  // Commands to one node, from a person or from its other components.
  bool apply(Agent& agent, const std::string& command, const Words& words) {
    if (command == "model" && words.at(1) == "none")
      return give(agent, wire::ModelRemoved{.content = kContent, .reason = "unloaded"});
    if (command == "model") {
      return give(agent, wire::ModelSet{example_model(static_cast<uint32_t>(std::stoul(words.at(1))))});
    }
    if (command == "load") return load(agent, words);
    if (command == "unload") return give(agent, wire::ModelRemoved{.content = words.at(1), .reason = "unloaded"});
    if (command == "use") {
      agent.note_use(words.at(1));
      return true;
    }
    if (command == "drain") return give(agent, wire::DrainingSet{.node = id_of(words.at(1)), .draining = true});
    if (command == "undrain") return give(agent, wire::DrainingSet{.node = id_of(words.at(1)), .draining = false});
    if (command == "forget") return give(agent, wire::NodeForgotten{id_of(words.at(1))});
    if (command == "stage") return report_stage(agent, words);
    if (command == "broken") return report_broken(agent, words);
    if (command == "condition") return report_condition(agent, words);
    if (command != "busy" && command != "idle") return false;
    std::set<std::string> busy;
    if (command == "busy") busy.insert(words.size() > 1 ? words[1] : kContent);
    agent.set_busy(std::move(busy), now_);
    return true;
  }
  bool give(Agent& agent, const wire::Event& event) {
    agent.command(event, now_);
    return true;
  }

  bool load(Agent& agent, const Words& words) {
    wire::ServedModel model = example_model(static_cast<uint32_t>(std::stoul(words.at(2))));
    model.model = model.content = words.at(1);
    for (const std::string& word : std::span(words).subspan(3)) {
      if (word == "pinned") model.pinned = true;
      if (word.starts_with("keep=")) model.keep_loaded_s = static_cast<uint32_t>(std::stoul(word.substr(5)));
    }
    return give(agent, wire::ModelSet{model});
  }

  bool start(const Words& words) {
    const wire::NodeId id = id_of(words[0]);
    wire::NodeFacts facts = example_facts(id.bytes()[0]);
    AgentOptions options;
    for (const std::string& word : std::span(words).subspan(1)) {
      if (word == "battery") {
        facts.fitness.mains = false;
      } else if (word.starts_with("speed=")) {
        facts.info.devices = example_facts(id.bytes()[0], 1'000'000'000, 1e11 * std::stod(word.substr(6))).info.devices;
      } else if (word.starts_with("counter=")) {
        options.counter = std::stoul(word.substr(8));
      } else {
        return false;
      }
    }
    facts.info.self.name = facts.info.devices[0].node_name = words[0];
    facts.incarnation = ++starts_;
    nodes_.insert_or_assign(id, Node{.agent = Agent(facts, options, now_), .shown = {}});
    for (const Pair& pair : links_) {
      if (pair.first == id) nodes_.at(id).agent.link_up(pair.second, now_);
      if (pair.second == id) nodes_.at(id).agent.link_up(pair.first, now_);
    }
    return true;
  }

  bool stop(wire::NodeId id) {
    nodes_.erase(id);
    std::erase_if(links_, [&](const Pair& link) { return link.first == id || link.second == id; });
    for (auto& [other, node] : nodes_) node.agent.link_down(id, now_);
    return true;
  }

  bool for_pairs(const Words& words, const std::function<void(wire::NodeId, wire::NodeId)>& act) {
    for (size_t i = 0; i < words.size(); ++i) {
      for (size_t k = i + 1; k < words.size(); ++k) act(id_of(words[i]), id_of(words[k]));
    }
    return words.size() > 1;
  }
  void link(wire::NodeId a, wire::NodeId b) {
    if (!links_.insert(wire::pair_of(a, b)).second) return;
    nodes_.at(a).agent.link_up(b, now_);
    nodes_.at(b).agent.link_up(a, now_);
  }
  void cut(wire::NodeId a, wire::NodeId b) {
    if (links_.erase(wire::pair_of(a, b)) == 0) return;
    nodes_.at(a).agent.link_down(b, now_);
    nodes_.at(b).agent.link_down(a, now_);
  }
  bool set_delay(const Words& words) {
    delays_[{id_of(words[0]), id_of(words.at(1))}] = std::chrono::milliseconds(std::stoul(words.at(2)));
    return true;
  }

  bool report_all_ready() {
    for (auto& [id, node] : nodes_) {
      const wire::ReplicatedState state = node.agent.state();
      for (const auto& [content, model] : state.models) {
        if (model.plan) report_ready(id, content, *model.plan);
      }
    }
    return true;
  }
  void report_ready(wire::NodeId id, const std::string& content, const wire::PlanRecord& plan) {
    std::map<uint32_t, wire::StageStatus> stages;
    for (uint32_t i = 0; i < plan.stages.size(); ++i) {
      if (plan.made.plan.stages[i].device.node == id) stages[i].phase = wire::StagePhase::ready;
    }
    nodes_.at(id).agent.set_stages(content, plan.made.plan.epoch, std::move(stages), now_);
  }
  bool report_stage(Agent& agent, const Words& words) {
    if (plan_of(agent) == nullptr) return false;
    wire::StageStatus status{.phase = wire::StagePhase::waiting, .failure = rest(words, 3)};
    while (to_string(status.phase) != words.at(2)) {
      if (status.phase == wire::StagePhase::failed) return false;
      status.phase = static_cast<wire::StagePhase>(static_cast<int>(status.phase) + 1);
    }
    agent.set_stages(kContent, plan_of(agent)->made.plan.epoch,
                     {{static_cast<uint32_t>(std::stoul(words.at(1))), status}}, now_);
    return true;
  }
  bool report_broken(Agent& agent, const Words& words) {
    if (plan_of(agent) == nullptr) return false;
    std::optional<wire::NodePair> link;
    if (words.at(1) == "link") link = wire::pair_of(id_of(words.at(2)), id_of(words.at(3)));
    agent.plan_broken({.content = kContent,
                       .epoch = plan_of(agent)->made.plan.epoch,
                       .reason = rest(words, link ? 4 : 1),
                       .link = link},
                      now_);
    return true;
  }
  bool report_condition(Agent& agent, const Words& words) {
    wire::NodeCondition condition;
    const std::string what = rest(words, 1);
    if (what == "battery low") {
      condition.battery = {.charge_percent = 15, .on_battery = true, .low = true};
    } else if (what == "critical") {
      condition.devices = {{.device = "gpu0", .load_percent = {}, .temperature_c = {}, .heat = wire::Heat::critical}};
    } else if (what != "none") {
      return false;
    }
    agent.set_condition(std::move(condition), now_);
    return true;
  }

  bool show_states() {
    collect();
    for (const auto& [id, node] : nodes_) {
      out_ += with_letters(std::format("{} {}; {}\n", letter(id), role(node.agent), describe(node.agent.state())));
    }
    return true;
  }
  static std::string role(const Agent& agent) {
    if (agent.role() == Role::electing) return std::format("has no leader ({})", agent.no_leader_reason());
    return std::format("{} in {}", agent.role() == Role::leading ? "leads" : "follows", describe(agent.term()));
  }

  void show(const std::string& text) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now_ - Time{}).count();
    out_ += with_letters(std::format("{:6} {}\n", ms, text));
  }
  // Reasons name nodes by the beginning of their ids.
  std::string with_letters(std::string text) const {
    for (uint8_t number = 1; number <= 26; ++number) {
      const std::string id = example_id(number).short_text();
      for (size_t at; (at = text.find(id)) != std::string::npos;)
        text.replace(at, id.size(), letter(example_id(number)));
    }
    return text;
  }

  // Sends the messages of the agents, and reports changes of their roles.
  void collect() {
    for (auto& [id, node] : nodes_) {
      const Output output = node.agent.take();
      if (output.persist_counter) show(std::format("{} writes counter {}", letter(id), *output.persist_counter));
      for (const std::string& reason : output.failed_commands) show(std::format("{} gives up: {}", letter(id), reason));
      for (const std::string& who : output.not_believed) show(std::format("{} ignores: {}", letter(id), who));
      for (const Send& send : output.sends) {
        const auto delay = delays_.find({id, send.to});
        arriving_.emplace(now_ + (delay == delays_.end() ? kDelay : delay->second), Arrival{id, send});
      }
      const std::string role_now = node.agent.role() == Role::electing ? "has no leader" : role(node.agent);
      if (std::exchange(node.shown, role_now) != role_now) show(letter(id) + " " + role_now);
    }
  }

  void arrive(const Arrival& arrival, const std::string& shown) {
    const auto& [from, send] = arrival;
    const auto to = nodes_.find(send.to);
    if (to == nodes_.end() || !links_.contains(wire::pair_of(from, send.to))) return;
    const Message& message = *send.message;
    const bool lost = blocked_.contains({from, send.to});
    const bool periodic = std::holds_alternative<wire::Heartbeat>(message) ||
                          std::holds_alternative<wire::HeartbeatAck>(message) ||
                          std::holds_alternative<wire::LinkPing>(message);
    if (shown == "all" || (shown != "quiet" && !periodic)) {
      show(std::format("{}>{} {}{}", letter(from), letter(send.to), describe(message), lost ? " (lost)" : ""));
    }
    if (!lost) to->second.agent.receive(from, message, now_);
    collect();
  }

  bool run(const Words& words) {
    const std::string shown = words.size() > 1 ? words[1] : "";
    const Time end = now_ + std::chrono::milliseconds(std::stoul(words[0]));
    collect();
    while (now_ < end) {
      now_ += kTick;
      while (!arriving_.empty() && arriving_.begin()->first <= now_) {
        const Arrival arrival = arriving_.extract(arriving_.begin()).mapped();
        arrive(arrival, shown);
      }
      for (auto& [id, node] : nodes_) {
        if (node.agent.wake() <= now_) node.agent.tick(now_);
      }
      collect();
    }
    return true;
  }

  Time now_{};
  uint64_t starts_ = 0;
  std::map<wire::NodeId, Node> nodes_;
  std::set<Pair> links_;             // by pair_of()
  std::set<Pair> blocked_;           // from, to
  std::map<Pair, Duration> delays_;  // from, to; else kDelay
  std::multimap<Time, Arrival> arriving_;
  std::string out_;
};

}  // namespace exogpu::cluster::testing
