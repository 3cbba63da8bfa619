// The encoding of log events.
#include "wire/log_coding.h"

namespace exogpu::wire {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

}  // namespace

void put(proto::NodeReported& out, const NodeFacts& in) {
  put(*out.mutable_info(), in.info);
  out.set_version(text(in.version, kProgramVersionCharsMax));
  out.set_incarnation(in.incarnation);
  put(*out.mutable_fitness(), in.fitness);
}

Result<NodeFacts> facts_of(const proto::NodeReported& in) {
  NodeFacts out;
  EXO_TRY(out.info, node_info_of(in.info()));
  EXO_TRY(out.version, name_of(in.version(), "the version of a node", kProgramVersionCharsMax));
  out.incarnation = in.incarnation();
  EXO_TRY(out.fitness, fitness_of(in.fitness()));
  return out;
}

void put(proto::PlanMade& out, const PlanMade& in) {
  put(*out.mutable_plan(), in.plan);
  for (const Bytes bytes : in.stage_bytes) out.add_stage_bytes(bytes);
  out.set_first_token_s(in.predicted.first_token_s);
  out.set_tokens_per_s_alone(in.predicted.tokens_per_s_alone);
  out.set_tokens_per_s_parallel(in.predicted.tokens_per_s_parallel);
  out.set_joules_per_token(in.predicted.joules_per_token);
  for (const UnusedDevice& each : in.unused) {
    auto* device = out.add_unused();
    device->set_node(text_of(each.device.node));
    device->set_device(text(each.device.device));
    device->set_constraint(text(each.constraint));
    device->set_reason(text(each.reason, kReasonCharsMax));
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
  EXO_TRY(out.predicted.joules_per_token, amount_of(in.joules_per_token(), "the energy of a plan"));
  EXO_CHECK(within(in.unused_size(), kUnusedDevicesMax, "the unused devices of a plan"));
  for (const proto::UnusedDevice& field : in.unused()) {
    UnusedDevice each;
    EXO_TRY(each.device.node, node_of(field.node(), "an unused device"));
    EXO_TRY(each.device.device, name_of(field.device(), "an unused device"));
    EXO_TRY(each.constraint, name_of(field.constraint(), "the constraint of an unused device"));
    EXO_TRY(each.reason, name_of(field.reason(), "the reason why a device is unused", kReasonCharsMax));
    out.unused.push_back(std::move(each));
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
                        [&](const NodeReported& e) { put(*out.mutable_node_reported(), e.facts); },
                        [&](const NodeLost& e) {
                          out.mutable_node_lost()->set_node(text_of(e.node));
                          out.mutable_node_lost()->set_reason(text(e.reason, kReasonCharsMax));
                        },
                        [&](const NodeForgotten& e) { out.set_node_forgotten(text_of(e.node)); },
                        [&](const DrainingSet& e) {
                          out.mutable_draining_set()->set_node(text_of(e.node));
                          out.mutable_draining_set()->set_draining(e.draining);
                        },
                        [&](const ModelSet& e) { put(*out.mutable_model_set()->mutable_model(), e.model); },
                        [&](const ModelRemoved& e) {
                          out.mutable_model_removed()->set_content(text(e.content));
                          out.mutable_model_removed()->set_reason(text(e.reason, kReasonCharsMax));
                        },
                        [&](const PlanMade& e) { put(*out.mutable_plan_made(), e); },
                        [&](const PlanEnded& e) {
                          out.mutable_plan_ended()->set_content(text(e.content));
                          out.mutable_plan_ended()->set_epoch(e.epoch.value());
                          out.mutable_plan_ended()->set_reason(text(e.reason, kReasonCharsMax));
                          if (e.link) put(*out.mutable_plan_ended()->mutable_link(), *e.link);
                        },
                        [&](const StageReported& e) {
                          auto* reported = out.mutable_stage_reported();
                          reported->set_epoch(e.epoch.value());
                          reported->set_stage(e.stage);
                          reported->set_phase(static_cast<uint32_t>(e.phase));
                          reported->set_failure(text(e.failure, kReasonCharsMax));
                        },
                        [&](const LinkUse& e) {
                          put(*out.mutable_link_use()->mutable_link(), e.link);
                          out.mutable_link_use()->set_avoided(e.avoided);
                        },
                        [&](const ConditionReported& e) {
                          out.mutable_condition_reported()->set_node(text_of(e.node));
                          put(*out.mutable_condition_reported()->mutable_condition(), e.condition);
                        },
                        [&](const LibraryReported& e) { put(*out.mutable_library_reported(), e); },
                        [&](const AccessKeySet& e) { put(*out.mutable_access_key_set(), e.key); }},
             in);
}

Result<Event> event_of(const proto::Event& in) {
  switch (in.kind_case()) {
    case proto::Event::kTermBegan: return TermBegan{};
    case proto::Event::kNodeReported: {
      EXO_TRY(NodeFacts facts, facts_of(in.node_reported()));
      return NodeReported{std::move(facts)};
    }
    case proto::Event::kNodeLost: {
      NodeLost out;
      EXO_TRY(out.node, node_of(in.node_lost().node(), "a node that is lost"));
      EXO_TRY(out.reason, name_of(in.node_lost().reason(), "the reason why a node is lost", kReasonCharsMax));
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
      EXO_TRY(out.model, model_of(in.model_set().model()));
      return out;
    }
    case proto::Event::kPlanMade: {
      EXO_TRY(PlanMade made, plan_made_of(in.plan_made()));
      return made;
    }
    case proto::Event::kPlanEnded: {
      PlanEnded out{.content = {}, .epoch = PlanEpoch(in.plan_ended().epoch()), .reason = {}};
      EXO_TRY(out.content, name_of(in.plan_ended().content(), "the content of a model"));
      EXO_TRY(out.reason, name_of(in.plan_ended().reason(), "the reason why a plan ended", kReasonCharsMax));
      if (in.plan_ended().has_link()) {
        EXO_TRY(out.link, ends_of(in.plan_ended().link()));
      }
      return out;
    }
    case proto::Event::kStageReported: {
      const auto& reported = in.stage_reported();
      StageReported out{.epoch = PlanEpoch(reported.epoch()), .stage = reported.stage(), .phase = {}, .failure = {}};
      EXO_TRY(out.phase, phase_of(reported.phase()));
      EXO_TRY(out.failure, name_of(reported.failure(), "the failure of a stage", kReasonCharsMax));
      return out;
    }
    case proto::Event::kLinkUse: {
      EXO_TRY(const NodePair link, ends_of(in.link_use().link()));
      return LinkUse{.link = link, .avoided = in.link_use().avoided()};
    }
    case proto::Event::kConditionReported: {
      ConditionReported out;
      EXO_TRY(out.node, node_of(in.condition_reported().node(), "the node of a condition"));
      EXO_TRY(out.condition, condition_of(in.condition_reported().condition()));
      return out;
    }
    case proto::Event::kModelRemoved: {
      ModelRemoved out;
      EXO_TRY(out.content, name_of(in.model_removed().content(), "the content of a model"));
      EXO_TRY(out.reason, name_of(in.model_removed().reason(), "the reason why a model is removed", kReasonCharsMax));
      return out;
    }
    case proto::Event::kLibraryReported: {
      LibraryReported out;
      EXO_TRY(out.node, node_of(in.library_reported().node(), "the node of a library"));
      EXO_TRY(out.models, library_of(in.library_reported().models()));
      return out;
    }
    case proto::Event::kAccessKeySet: {
      EXO_TRY(AccessKey key, access_key_of(in.access_key_set()));
      return AccessKeySet{std::move(key)};
    }
    case proto::Event::KIND_NOT_SET: break;
  }
  return fail(ErrorCode::corrupt, "an event that is not known here");
}

}  // namespace exogpu::wire
