#include "wire/cluster_log.h"

#include <algorithm>

#include "wire/cluster_coding.h"

namespace exogpu::wire {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

void put(proto::NodeTold& out, const NodeFacts& in) {
  put(*out.mutable_info(), in.info);
  out.set_version(text(in.version, kProgramVersionCharsMax));
  out.set_incarnation(in.incarnation);
  put(*out.mutable_fitness(), in.fitness);
}

Result<NodeFacts> facts_of(const proto::NodeTold& in) {
  NodeFacts out;
  EXO_TRY(out.info, node_info_of(in.info()));
  EXO_TRY(out.version, name_of(in.version(), "the version of a node", kProgramVersionCharsMax));
  out.incarnation = in.incarnation();
  EXO_TRY(out.fitness, fitness_of(in.fitness()));
  return out;
}

// Runs of equal layers travel as one.
void put(proto::ModelShape& out, const ModelShape& in) {
  out.set_name(text(in.name));
  out.set_bits_per_weight(in.bits_per_weight);
  out.set_experts_used_share(in.experts_used_share);
  out.set_activation_width(in.activation_width);
  out.set_vocabulary(in.vocabulary);
  out.set_context_granularity(in.context_granularity);
  for (size_t i = 0; i < in.layers.size(); ++i) {
    if (i > 0 && in.layers[i] == in.layers[i - 1]) {
      auto* last = out.mutable_layers(out.layers_size() - 1);
      last->set_times(last->times() + 1);
      continue;
    }
    auto* layer = out.add_layers();
    layer->set_weight_bytes(in.layers[i].weight_bytes);
    layer->set_active_weight_bytes(in.layers[i].active_weight_bytes);
    layer->set_kv_bytes_per_token(in.layers[i].kv_bytes_per_token);
    layer->set_flops_per_token(in.layers[i].flops_per_token);
    layer->set_times(1);
  }
  out.set_embedding_bytes(in.embedding_bytes);
  out.set_head_bytes(in.head_bytes);
  out.set_head_flops_per_token(in.head_flops_per_token);
  out.set_ends_shared_bytes(in.ends_shared_bytes);
  out.set_compute_bytes(in.compute_bytes);
  out.set_head_compute_bytes(in.head_compute_bytes);
}

Result<ModelShape> shape_of(const proto::ModelShape& in) {
  ModelShape out;
  EXO_TRY(out.name, name_of(in.name(), "the name of a model"));
  EXO_TRY(out.bits_per_weight, amount_of(in.bits_per_weight(), "the bits of a model's weights"));
  EXO_TRY(out.experts_used_share, amount_of(in.experts_used_share(), "the share of a model's experts"));
  out.activation_width = in.activation_width();
  out.vocabulary = in.vocabulary();
  out.context_granularity = in.context_granularity();
  for (const proto::Layer& field : in.layers()) {
    if (field.times() == 0 || field.times() > kLayersMax - out.layers.size()) {
      return fail(ErrorCode::corrupt, "a model of more than {} layers, or {} times a layer", kLayersMax, field.times());
    }
    LayerShape layer{.weight_bytes = field.weight_bytes(),
                     .active_weight_bytes = field.active_weight_bytes(),
                     .kv_bytes_per_token = field.kv_bytes_per_token(),
                     .flops_per_token = 0};
    EXO_TRY(layer.flops_per_token, amount_of(field.flops_per_token(), "the work of a layer"));
    out.layers.insert(out.layers.end(), field.times(), layer);
  }
  out.embedding_bytes = in.embedding_bytes();
  out.head_bytes = in.head_bytes();
  EXO_TRY(out.head_flops_per_token, amount_of(in.head_flops_per_token(), "the work of a model's head"));
  out.ends_shared_bytes = in.ends_shared_bytes();
  out.compute_bytes = in.compute_bytes();
  out.head_compute_bytes = in.head_compute_bytes();
  return out;
}

void put(proto::ServedModel& out, const ServedModel& in) {
  out.set_model(text(in.model));
  out.set_content(text(in.content));
  put(*out.mutable_shape(), in.shape);
  put(*out.mutable_settings(), in.settings);
  out.set_layers(text(in.layers, kReasonCharsMax));
  for (const std::string& name : in.without) out.add_without(text(name));
  out.set_devices_min(in.devices_min);
}

Result<ServedModel> model_of(const proto::ServedModel& in) {
  ServedModel out;
  EXO_TRY(out.model, name_of(in.model(), "the name of a model"));
  EXO_TRY(out.content, name_of(in.content(), "the content of a model"));
  EXO_TRY(out.shape, shape_of(in.shape()));
  EXO_TRY(out.settings, settings_of(in.settings(), "a model"));
  EXO_TRY(out.layers, name_of(in.layers(), "the layers of a model", kReasonCharsMax));
  EXO_CHECK(within(in.without_size(), kWithoutMax, "the devices that a model is not to use"));
  for (const std::string& field : in.without()) {
    EXO_TRY(std::string name, name_of(field, "a device that a model is not to use"));
    out.without.push_back(std::move(name));
  }
  out.devices_min = in.devices_min();
  return out;
}

void put(proto::PlanMade& out, const PlanMade& in) {
  put(*out.mutable_plan(), in.plan);
  for (const Bytes bytes : in.stage_bytes) out.add_stage_bytes(bytes);
  out.set_first_token_s(in.predicted.first_token_s);
  out.set_tokens_per_s_alone(in.predicted.tokens_per_s_alone);
  out.set_tokens_per_s_parallel(in.predicted.tokens_per_s_parallel);
  for (const DeviceLeftOut& left : in.left_out) {
    auto* device = out.add_left_out();
    device->set_node(text_of(left.device.node));
    device->set_device(text(left.device.device));
    device->set_why(text(left.why));
    device->set_reason(text(left.reason, kReasonCharsMax));
  }
}

Result<PlanMade> plan_made_of(const proto::PlanMade& in) {
  PlanMade out;
  EXO_TRY(out.plan, stage_plan_of(in.plan()));
  if (static_cast<size_t>(in.stage_bytes_size()) != out.plan.stages.size()) {
    return fail(ErrorCode::corrupt, "a plan of {} stages with the memory of {}", out.plan.stages.size(),
                in.stage_bytes_size());
  }
  out.stage_bytes.assign(in.stage_bytes().begin(), in.stage_bytes().end());
  EXO_TRY(out.predicted.first_token_s, amount_of(in.first_token_s(), "the speed of a plan"));
  EXO_TRY(out.predicted.tokens_per_s_alone, amount_of(in.tokens_per_s_alone(), "the speed of a plan"));
  EXO_TRY(out.predicted.tokens_per_s_parallel, amount_of(in.tokens_per_s_parallel(), "the speed of a plan"));
  EXO_CHECK(within(in.left_out_size(), kLeftOutMax, "the devices that a plan leaves out"));
  for (const proto::DeviceLeftOut& field : in.left_out()) {
    DeviceLeftOut left;
    EXO_TRY(left.device.node, node_of(field.node(), "a device that is left out"));
    EXO_TRY(left.device.device, name_of(field.device(), "a device that is left out"));
    EXO_TRY(left.why, name_of(field.why(), "why a device is left out"));
    EXO_TRY(left.reason, name_of(field.reason(), "why a device is left out", kReasonCharsMax));
    out.left_out.push_back(std::move(left));
  }
  return out;
}

void put(proto::LinkEnds& out, const NodePair& in) {
  out.set_first(text_of(in.first));
  out.set_second(text_of(in.second));
}

Result<NodePair> ends_of(const proto::LinkEnds& in) {
  EXO_TRY(const NodeId first, node_of(in.first(), "an end of a link"));
  EXO_TRY(const NodeId second, node_of(in.second(), "an end of a link"));
  if (first >= second) return fail(ErrorCode::corrupt, "a link whose ends are not in order");
  return NodePair(first, second);
}

Result<StagePhase> phase_of(uint32_t field) {
  if (field > static_cast<uint32_t>(StagePhase::failed)) {
    return fail(ErrorCode::corrupt, "a stage state that is not known here ({})", field);
  }
  return static_cast<StagePhase>(field);
}

void put(proto::Event& out, const Event& in) {
  std::visit(Overloaded{[&](const TermBegan&) { out.mutable_term_began(); },
                        [&](const NodeTold& e) { put(*out.mutable_node_told(), e.facts); },
                        [&](const NodeLost& e) {
                          out.mutable_node_lost()->set_node(text_of(e.node));
                          out.mutable_node_lost()->set_why(text(e.why, kReasonCharsMax));
                        },
                        [&](const NodeForgotten& e) { out.set_node_forgotten(text_of(e.node)); },
                        [&](const DrainingSet& e) {
                          out.mutable_draining_set()->set_node(text_of(e.node));
                          out.mutable_draining_set()->set_draining(e.draining);
                        },
                        [&](const ModelSet& e) {
                          out.mutable_model_set();
                          if (e.model) put(*out.mutable_model_set()->mutable_model(), *e.model);
                        },
                        [&](const PlanMade& e) { put(*out.mutable_plan_made(), e); },
                        [&](const PlanEnded& e) {
                          out.mutable_plan_ended()->set_epoch(e.epoch.value());
                          out.mutable_plan_ended()->set_why(text(e.why, kReasonCharsMax));
                          if (e.link) put(*out.mutable_plan_ended()->mutable_link(), *e.link);
                        },
                        [&](const StageTold& e) {
                          auto* told = out.mutable_stage_told();
                          told->set_epoch(e.epoch.value());
                          told->set_stage(e.stage);
                          told->set_phase(static_cast<uint32_t>(e.phase));
                          told->set_failure(text(e.failure, kReasonCharsMax));
                        },
                        [&](const LinkUse& e) {
                          put(*out.mutable_link_use()->mutable_link(), e.link);
                          out.mutable_link_use()->set_left_out(e.left_out);
                        },
                        [&](const ConditionTold& e) {
                          out.mutable_condition_told()->set_node(text_of(e.node));
                          put(*out.mutable_condition_told()->mutable_condition(), e.condition);
                        }},
             in);
}

Result<Event> event_of(const proto::Event& in) {
  switch (in.what_case()) {
    case proto::Event::kTermBegan: return TermBegan{};
    case proto::Event::kNodeTold: {
      EXO_TRY(NodeFacts facts, facts_of(in.node_told()));
      return NodeTold{std::move(facts)};
    }
    case proto::Event::kNodeLost: {
      NodeLost out;
      EXO_TRY(out.node, node_of(in.node_lost().node(), "a node that is lost"));
      EXO_TRY(out.why, name_of(in.node_lost().why(), "the reason why a node is lost", kReasonCharsMax));
      return out;
    }
    case proto::Event::kNodeForgotten: {
      EXO_TRY(const NodeId node, node_of(in.node_forgotten(), "a node that is forgotten"));
      return NodeForgotten{node};
    }
    case proto::Event::kDrainingSet: {
      DrainingSet out{.node = {}, .draining = in.draining_set().draining()};
      EXO_TRY(out.node, node_of(in.draining_set().node(), "a node that is drained"));
      return out;
    }
    case proto::Event::kModelSet: {
      ModelSet out;
      if (in.model_set().has_model()) {
        EXO_TRY(out.model, model_of(in.model_set().model()));
      }
      return out;
    }
    case proto::Event::kPlanMade: {
      EXO_TRY(PlanMade made, plan_made_of(in.plan_made()));
      return made;
    }
    case proto::Event::kPlanEnded: {
      PlanEnded out{.epoch = PlanEpoch(in.plan_ended().epoch()), .why = {}};
      EXO_TRY(out.why, name_of(in.plan_ended().why(), "the reason why a plan ended", kReasonCharsMax));
      if (in.plan_ended().has_link()) {
        EXO_TRY(out.link, ends_of(in.plan_ended().link()));
      }
      return out;
    }
    case proto::Event::kStageTold: {
      const auto& told = in.stage_told();
      StageTold out{.epoch = PlanEpoch(told.epoch()), .stage = told.stage(), .phase = {}, .failure = {}};
      EXO_TRY(out.phase, phase_of(told.phase()));
      EXO_TRY(out.failure, name_of(told.failure(), "the failure of a stage", kReasonCharsMax));
      return out;
    }
    case proto::Event::kLinkUse: {
      EXO_TRY(const NodePair link, ends_of(in.link_use().link()));
      return LinkUse{.link = link, .left_out = in.link_use().left_out()};
    }
    case proto::Event::kConditionTold: {
      ConditionTold out;
      EXO_TRY(out.node, node_of(in.condition_told().node(), "a node that tells its condition"));
      EXO_TRY(out.condition, condition_of(in.condition_told().condition()));
      return out;
    }
    case proto::Event::WHAT_NOT_SET: break;
  }
  return fail(ErrorCode::corrupt, "an event that is not known here");
}

void put(proto::Entry& out, const Entry& in) {
  put(*out.mutable_term(), in.term);
  put(*out.mutable_event(), in.event);
}

Result<std::pair<NodeId, NodeRecord>> record_of(const proto::NodeRecord& in) {
  NodeRecord out;
  EXO_TRY(out.facts, facts_of(in.told()));
  out.alive = in.alive();
  EXO_TRY(out.why_away, name_of(in.why_away(), "the reason why a node is away", kReasonCharsMax));
  out.draining = in.draining();
  EXO_CHECK(within(in.unfit_size(), kDevicesMax, "the unfit devices of a node"));
  for (const auto& field : in.unfit()) {
    EXO_TRY(std::string device, name_of(field.device(), "an unfit device"));
    EXO_TRY(out.unfit[std::move(device)], name_of(field.why(), "the reason why a device is unfit", kReasonCharsMax));
  }
  EXO_TRY(out.condition, condition_of(in.condition()));
  const NodeId node = out.facts.info.self.node;
  return std::pair(node, std::move(out));
}

}  // namespace

ByteVector encode(const LogEntries& message) {
  proto::LogEntries out;
  put(*out.mutable_term(), message.term);
  put(*out.mutable_before(), message.before);
  for (const Entry& entry : message.entries) put(*out.add_entries(), entry);
  return serialize(out);
}

size_t encoded_bytes(const Entry& entry) {
  proto::LogEntries out;
  put(*out.add_entries(), entry);
  return out.ByteSizeLong();
}

Result<Event> as_sent(const Event& event) {
  proto::Event out;
  put(out, event);
  return event_of(out);
}

template <>
Result<LogEntries> decode<LogEntries>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::LogEntries>(bytes, "log entries"));
  LogEntries out;
  EXO_TRY(out.term, term_of(in.term(), "log entries"));
  EXO_TRY(out.before, position_of(in.before(), "log entries"));
  EXO_CHECK(within(in.entries_size(), kEntriesMax, "the entries of a message"));
  Term last = out.before.term;
  for (const proto::Entry& field : in.entries()) {
    Entry entry;
    EXO_TRY(entry.term, term_of(field.term(), "a log entry"));
    if (entry.term < last || entry.term.counter == 0 || entry.term > out.term) {
      return fail(ErrorCode::corrupt, "log entries whose terms do not follow each other");
    }
    last = entry.term;
    EXO_TRY(entry.event, event_of(field.event()));
    out.entries.push_back(std::move(entry));
  }
  return out;
}

ByteVector encode(const LogSnapshot& message) {
  const ReplicatedState& state = message.state;
  proto::LogSnapshot out;
  put(*out.mutable_term(), message.term);
  put(*out.mutable_at(), state.at);
  for (const auto& [id, in] : state.nodes) {
    auto* node = out.add_nodes();
    put(*node->mutable_told(), in.facts);
    node->set_alive(in.alive);
    node->set_why_away(text(in.why_away, kReasonCharsMax));
    node->set_draining(in.draining);
    for (const auto& [device, why] : in.unfit) {
      auto* unfit = node->add_unfit();
      unfit->set_device(text(device));
      unfit->set_why(text(why, kReasonCharsMax));
    }
    put(*node->mutable_condition(), in.condition);
  }
  if (state.model) put(*out.mutable_model(), *state.model);
  if (state.plan) {
    put(*out.mutable_plan()->mutable_made(), state.plan->made);
    for (const StageStatus& in : state.plan->stages) {
      auto* stage = out.mutable_plan()->add_stages();
      stage->set_phase(static_cast<uint32_t>(in.phase));
      stage->set_failure(text(in.failure, kReasonCharsMax));
    }
  }
  out.set_epoch_last(state.epoch_last.value());
  out.set_why_not(text(state.why_not, kReasonCharsMax));
  for (const NodePair& link : state.links_left_out) put(*out.add_links_left_out(), link);
  return serialize(out);
}

template <>
Result<LogSnapshot> decode<LogSnapshot>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::LogSnapshot>(bytes, "log snapshot"));
  LogSnapshot out;
  ReplicatedState& state = out.state;
  EXO_TRY(out.term, term_of(in.term(), "a log snapshot"));
  EXO_TRY(state.at, position_of(in.at(), "a log snapshot"));
  EXO_CHECK(within(in.nodes_size(), kMembersMax, "the nodes of a log snapshot"));
  for (const proto::NodeRecord& field : in.nodes()) {
    EXO_TRY(auto node, record_of(field));
    if (!state.nodes.insert(std::move(node)).second) {
      return fail(ErrorCode::corrupt, "a log snapshot with a node twice");
    }
  }
  if (in.has_model()) {
    EXO_TRY(state.model, model_of(in.model()));
  }
  if (in.has_plan()) {
    PlanRecord plan;
    EXO_TRY(plan.made, plan_made_of(in.plan().made()));
    if (static_cast<size_t>(in.plan().stages_size()) != plan.made.plan.stages.size()) {
      return fail(ErrorCode::corrupt, "a plan of {} stages with the status of {}", plan.made.plan.stages.size(),
                  in.plan().stages_size());
    }
    for (const proto::StageStatus& field : in.plan().stages()) {
      StageStatus status;
      EXO_TRY(status.phase, phase_of(field.phase()));
      EXO_TRY(status.failure, name_of(field.failure(), "the failure of a stage", kReasonCharsMax));
      plan.stages.push_back(std::move(status));
    }
    state.plan = std::move(plan);
  }
  state.epoch_last = PlanEpoch(in.epoch_last());
  EXO_TRY(state.why_not, name_of(in.why_not(), "the reason why there is no plan", kReasonCharsMax));
  EXO_CHECK(within(in.links_left_out_size(), kLinksMax, "the links that are left out"));
  for (const proto::LinkEnds& field : in.links_left_out()) {
    EXO_TRY(const NodePair link, ends_of(field));
    state.links_left_out.insert(link);
  }
  return out;
}

ByteVector encode(const LogProposal& message) {
  proto::LogProposal out;
  out.set_incarnation(message.incarnation);
  for (const Event& event : message.events) put(*out.add_events(), event);
  return serialize(out);
}

template <>
Result<LogProposal> decode<LogProposal>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::LogProposal>(bytes, "log proposal"));
  LogProposal out;
  out.incarnation = in.incarnation();
  EXO_CHECK(within(in.events_size(), kEntriesMax, "the events of a proposal"));
  for (const proto::Event& field : in.events()) {
    EXO_TRY(Event event, event_of(field));
    out.events.push_back(std::move(event));
  }
  return out;
}

}  // namespace exogpu::wire
