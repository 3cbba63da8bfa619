#include "node/role_gate.h"

#include <algorithm>
#include <variant>

#include "wire/cluster_log.h"
#include "wire/weights.h"

namespace exogpu::node {
namespace {

using wire::ControlType;

// A leader's, of nodes that may not lead.
bool leads(ControlType type) {
  return type == ControlType::heartbeat || type == ControlType::log_entries || type == ControlType::log_snapshot;
}

// Has other nodes answer.
bool asks(ControlType type) {
  switch (type) {
    case ControlType::generate:
    case ControlType::stream_read: return true;
    default: return false;
  }
}

// Has other nodes load models, keep files, or take another name.
bool changes_cluster(ControlType type) {
  return type == ControlType::load_model || type == ControlType::pull_query || type == ControlType::pull_model ||
         type == ControlType::node_settings;
}

bool computes(ControlType type) {
  switch (type) {
    case ControlType::step:
    case ControlType::step_done:
    case ControlType::stage_progress:
    case ControlType::weights_availability: return true;
    default: return false;
  }
}

// What a node reports of itself; commands and keys are for others.
bool reports(const wire::Event& event, wire::Role role) {
  if (const auto* node = std::get_if<wire::NodeReported>(&event)) {
    return may_compute(role) || node->facts.info.devices.empty();
  }
  if (const auto* library = std::get_if<wire::LibraryReported>(&event)) {
    return may_compute(role) || library->models.empty();
  }
  return std::holds_alternative<wire::ConditionReported>(event) || std::holds_alternative<wire::PlanEnded>(event) ||
         (may_compute(role) && std::holds_alternative<wire::StageReported>(event));
}

bool permits_proposal(wire::Role role, std::span<const std::byte> payload) {
  const auto proposal = wire::decode<wire::LogProposal>(payload);
  return !proposal || std::ranges::all_of(proposal->events, [&](const auto& event) { return reports(event, role); });
}

// The manifest of a model, and the header of its first file, which has what prompts need.
bool permits_text_side(std::span<const std::byte> payload) {
  const auto request = wire::decode<wire::WeightsRequest>(payload);
  return !request || request->object.value_or(0) == 0;
}

}  // namespace

bool permits(std::optional<wire::Role> role, const wire::FrameHeader& header, std::span<const std::byte> payload) {
  const auto* control = std::get_if<wire::Control>(&header.of);
  if (!role) {
    return control != nullptr && (control->type == ControlType::removals || control->type == ControlType::roles);
  }
  if (is_trusted(*role)) return true;
  if (control == nullptr) return may_compute(*role);
  const ControlType type = control->type;
  if (leads(type) || changes_cluster(type)) return false;
  if (asks(type)) return may_ask(*role);
  if (computes(type)) return may_compute(*role);
  if (type == ControlType::log_proposal) return permits_proposal(*role, payload);
  if (type == ControlType::weights_request) return may_compute(*role) || permits_text_side(payload);
  return true;
}

bool permits(std::optional<wire::Role> role, const wire::MemberHello& hello) {
  if (!role) return false;
  return std::holds_alternative<wire::MemberStart>(hello) ? is_trusted(*role) : may_compute(*role);
}

}  // namespace exogpu::node
