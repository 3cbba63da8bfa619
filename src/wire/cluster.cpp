#include "wire/cluster.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "wire/cluster_coding.h"

namespace exogpu::wire {

Result<std::string> name_of(const std::string& field, std::string_view what, size_t most) {
  if (field.size() > most || printable(field) != field) {
    return fail(ErrorCode::corrupt, "{} is too long or not text", what);
  }
  return field;
}

Result<NodeId> node_of(const std::string& field, std::string_view what) {
  if (const auto node = NodeId::from_bytes(bytes_of(field))) return *node;
  return fail(ErrorCode::corrupt, "{} is not {} bytes", what, kKeyHashBytes);
}

Result<double> amount_of(double field, std::string_view what) {
  if (std::isfinite(field) && field >= 0) return field;
  return fail(ErrorCode::corrupt, "{} is negative or no number", what);
}

// The text as decode() accepts it.
std::string text(std::string_view field, size_t most) { return cut(printable(field), most); }

namespace {

void put(proto::Member& out, const Member& in) {
  out.set_node(text_of(in.node));
  out.set_name(text(in.name));
  for (const std::string& address : in.addresses) out.add_addresses(text(address));
  out.set_link_port(in.link_port);
  out.set_api_url(text(in.api_url));
}

Result<Member> member_of(const proto::Member& in) {
  Member out;
  EXO_TRY(out.node, node_of(in.node(), "the id of a member"));
  EXO_TRY(out.name, name_of(in.name(), "the name of a member"));
  EXO_CHECK(within(in.addresses_size(), kAddressesMax, "the addresses of a member"));
  for (const std::string& field : in.addresses()) {
    EXO_TRY(std::string address, name_of(field, "the address of a member"));
    out.addresses.push_back(std::move(address));
  }
  if (in.link_port() > std::numeric_limits<uint16_t>::max()) {
    return fail(ErrorCode::corrupt, "the port of a member is {}", in.link_port());
  }
  out.link_port = static_cast<uint16_t>(in.link_port());
  EXO_TRY(out.api_url, name_of(in.api_url(), "the URL of a member"));
  return out;
}

void put(proto::Device& out, const DeviceProfile& in) {
  out.set_id(text(in.id.device));
  out.set_name(text(in.name));
  out.set_kind(static_cast<uint32_t>(in.kind));
  out.set_uses_host_memory(in.uses_host_memory);
  out.set_memory_free_bytes(in.memory_free);
  out.set_memory_bytes_per_s(in.memory_bytes_per_s);
  for (const WeightRates& rates : in.rates) {
    auto* next = out.add_rates();
    next->set_type(text(rates.type));
    next->set_bits_per_weight(rates.bits_per_weight);
    next->set_matvec_bytes_per_s(rates.matvec_bytes_per_s);
    next->set_matmul_flops_per_s(rates.matmul_flops_per_s);
  }
  out.set_step_s(in.step_s);
  out.set_fixed_columns(in.fixed_columns);
  out.set_exchange_s(in.exchange_s);
  out.set_exchange_bytes_per_s(in.exchange_bytes_per_s);
  out.set_upload_bytes_per_s(in.upload_bytes_per_s);
  out.set_download_bytes_per_s(in.download_bytes_per_s);
  out.set_active_w(in.active_w);
  out.set_stream_bytes_per_s(in.stream_bytes_per_s);
  for (const TypeLimit& limit : in.limits) {
    auto* next = out.add_limits();
    next->set_type(text(limit.type));
    next->set_use(text(limit.use));
    next->set_held_as(text(limit.held_as));
    next->set_growth(limit.growth);
  }
}

Result<TypeLimit> limit_of(const proto::TypeLimit& in) {
  TypeLimit out;
  EXO_TRY(out.type, name_of(in.type(), "a type that a device cannot compute"));
  EXO_TRY(out.use, name_of(in.use(), "the use of a type that a device cannot compute"));
  EXO_TRY(out.held_as, name_of(in.held_as(), "the type that another is converted to"));
  EXO_TRY(out.growth, amount_of(in.growth(), "the growth of converted weights"));
  return out;
}

Result<DeviceProfile> device_of(const proto::Device& in, const Member& of) {
  DeviceProfile out;
  out.id.node = of.node;
  out.node_name = of.name;
  EXO_TRY(out.id.device, name_of(in.id(), "the id of a device"));
  EXO_TRY(out.name, name_of(in.name(), "the name of a device"));
  if (in.kind() > static_cast<uint32_t>(DeviceKind::cpu)) {
    return fail(ErrorCode::corrupt, "device {} is of a kind that is not known here ({})", out.id.device, in.kind());
  }
  out.kind = static_cast<DeviceKind>(in.kind());
  out.uses_host_memory = in.uses_host_memory();
  out.memory_free = in.memory_free_bytes();
  EXO_TRY(out.memory_bytes_per_s, amount_of(in.memory_bytes_per_s(), "the memory rate of a device"));
  EXO_CHECK(within(in.rates_size(), 64, "the rates of a device"));
  for (const auto& field : in.rates()) {
    WeightRates rates;
    EXO_TRY(rates.type, name_of(field.type(), "the type of a rate"));
    EXO_TRY(rates.bits_per_weight, amount_of(field.bits_per_weight(), "the bits of a rate"));
    EXO_TRY(rates.matvec_bytes_per_s, amount_of(field.matvec_bytes_per_s(), "the rate of a device"));
    EXO_TRY(rates.matmul_flops_per_s, amount_of(field.matmul_flops_per_s(), "the rate of a device"));
    out.rates.push_back(std::move(rates));
  }
  EXO_TRY(out.step_s, amount_of(in.step_s(), "the step time of a device"));
  EXO_TRY(out.fixed_columns, amount_of(in.fixed_columns(), "the fixed cost of a device's products"));
  EXO_TRY(out.exchange_s, amount_of(in.exchange_s(), "the time of a device's exchanges"));
  EXO_TRY(out.exchange_bytes_per_s, amount_of(in.exchange_bytes_per_s(), "the rate of a device's exchanges"));
  EXO_TRY(out.upload_bytes_per_s, amount_of(in.upload_bytes_per_s(), "the upload rate of a device"));
  EXO_TRY(out.download_bytes_per_s, amount_of(in.download_bytes_per_s(), "the download rate of a device"));
  EXO_TRY(out.active_w, amount_of(in.active_w(), "the power of a device"));
  EXO_TRY(out.stream_bytes_per_s, amount_of(in.stream_bytes_per_s(), "the rate at which a device reads from the disk"));
  EXO_CHECK(within(in.limits_size(), kTypeLimitsMax, "the types that a device cannot compute"));
  for (const auto& field : in.limits()) {
    EXO_TRY(TypeLimit limit, limit_of(field));
    out.limits.push_back(std::move(limit));
  }
  return out;
}

}  // namespace

std::string_view to_string(StagePhase phase) {
  switch (phase) {
    case StagePhase::waiting: return "waiting";
    case StagePhase::fetching: return "fetching";
    case StagePhase::loading: return "loading";
    case StagePhase::ready: return "ready";
    case StagePhase::failed: return "failed";
  }
  return "?";
}

void put(proto::NodeInfo& out, const NodeInfo& message) {
  put(*out.mutable_self(), message.self);
  for (const DeviceProfile& device : message.devices) put(*out.add_devices(), device);
  for (const LinkProfile& in : message.links) {
    auto* link = out.add_links();
    link->set_to(text_of(in.to));
    link->set_delay_s(in.delay_s);
    link->set_bytes_per_s(in.bytes_per_s);
    link->set_jitter_s(in.jitter_s);
    link->set_loss(in.loss);
  }
}

Result<NodeInfo> node_info_of(const proto::NodeInfo& in) {
  NodeInfo out;
  EXO_TRY(out.self, member_of(in.self()));
  EXO_CHECK(within(in.devices_size(), kDevicesMax, "the devices of a node"));
  for (const auto& field : in.devices()) {
    EXO_TRY(DeviceProfile device, device_of(field, out.self));
    out.devices.push_back(std::move(device));
  }
  EXO_CHECK(within(in.links_size(), kMembersMax, "the links of a node"));
  for (const auto& field : in.links()) {
    LinkProfile link;
    link.from = out.self.node;
    EXO_TRY(link.to, node_of(field.to(), "the end of a link"));
    EXO_TRY(link.delay_s, amount_of(field.delay_s(), "the delay of a link"));
    EXO_TRY(link.bytes_per_s, amount_of(field.bytes_per_s(), "the rate of a link"));
    EXO_TRY(link.jitter_s, amount_of(field.jitter_s(), "the jitter of a link"));
    EXO_TRY(link.loss, amount_of(field.loss(), "what is lost on a link"));
    out.links.push_back(link);
  }
  return out;
}

void put(proto::ServingSettings& out, const ServingSettings& in) {
  out.set_context(in.context);
  out.set_sequences(in.sequences);
  out.set_batch_tokens(in.batch_tokens);
  out.set_kv_type(static_cast<uint32_t>(in.kv_type));
  out.set_flash_attention(static_cast<uint32_t>(in.flash_attention));
  out.set_activations(static_cast<uint32_t>(in.activations));
  out.set_objective(static_cast<uint32_t>(in.objective));
  out.set_pool_tokens(in.pool_tokens);
  out.set_private_prefixes(in.private_prefixes);
  out.set_batch_fixed(in.batch_fixed);
}

Result<ServingSettings> settings_of(const proto::ServingSettings& in, std::string_view of) {
  if (in.context() == 0 || in.sequences() == 0) {
    return fail(ErrorCode::corrupt, "{} for no context, no sequences or no tokens at once", of);
  }
  return asked_settings_of(in, of);
}

Result<ServingSettings> asked_settings_of(const proto::ServingSettings& in, std::string_view of) {
  ServingSettings out{.context = in.context(), .sequences = in.sequences(), .batch_tokens = in.batch_tokens()};
  if (out.batch_tokens == 0) {
    return fail(ErrorCode::corrupt, "{} for no context, no sequences or no tokens at once", of);
  }
  out.pool_tokens = in.pool_tokens();
  out.private_prefixes = in.private_prefixes();
  out.batch_fixed = in.batch_fixed();
  if (out.pool_tokens > 0 && out.pool_tokens < out.context) {
    return fail(ErrorCode::corrupt, "{} for sequences of {} tokens and a pool of {}", of, out.context, out.pool_tokens);
  }
  EXO_TRY(out.kv_type, kKvTypes.at_number(in.kv_type(), of));
  EXO_TRY(out.flash_attention, kFlashAttentions.at_number(in.flash_attention(), of));
  EXO_TRY(out.activations, kActivationTypes.at_number(in.activations(), of));
  EXO_TRY(out.objective, kObjectives.at_number(in.objective(), of));
  return out;
}

void put(proto::StagePlan& out, const StagePlan& message) {
  out.set_epoch(message.epoch.value());
  out.set_model(text(message.model));
  out.set_content(message.content);
  for (const PlannedStage& in : message.stages) {
    auto* stage = out.add_stages();
    stage->set_node(text_of(in.device.node));
    stage->set_device(in.device.device);
    stage->set_layers_begin(in.layers.begin);
    stage->set_layers_end(in.layers.end);
    stage->set_weight_budget_bytes(in.weight_budget);
  }
  put(*out.mutable_settings(), message.settings);
  out.set_step_cost_tokens(message.step_cost_tokens);
}

Result<StagePlan> stage_plan_of(const proto::StagePlan& in) {
  StagePlan out;
  out.epoch = PlanEpoch(in.epoch());
  EXO_TRY(out.model, name_of(in.model(), "the model of a plan"));
  EXO_TRY(out.content, name_of(in.content(), "the content of a plan"));
  EXO_CHECK(within(in.stages_size(), kMembersMax, "the stages of a plan"));
  uint32_t next = 0;
  for (const auto& field : in.stages()) {
    PlannedStage stage{.device = {},
                       .layers = {field.layers_begin(), field.layers_end()},
                       .weight_budget = field.weight_budget_bytes()};
    EXO_TRY(stage.device.node, node_of(field.node(), "the node of a stage"));
    EXO_TRY(stage.device.device, name_of(field.device(), "the device of a stage"));
    if (stage.layers.begin != next || stage.layers.end <= next) {
      return fail(ErrorCode::corrupt, "a plan whose stages do not follow each other");
    }
    next = stage.layers.end;
    out.stages.push_back(std::move(stage));
  }
  if (out.stages.empty()) return fail(ErrorCode::corrupt, "a plan without stages");
  EXO_TRY(out.settings, settings_of(in.settings(), "a plan"));
  EXO_TRY(out.step_cost_tokens, amount_of(in.step_cost_tokens(), "the step cost of a plan"));
  return out;
}

ByteVector encode(const StageProgress& message) {
  proto::StageProgress out;
  out.set_epoch(message.epoch.value());
  out.set_stage(message.stage);
  out.set_done_bytes(message.done);
  out.set_total_bytes(message.total);
  out.set_activity(text(message.activity, kReasonCharsMax));
  return serialize(out);
}

template <>
Result<StageProgress> decode<StageProgress>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::StageProgress>(bytes, "stage progress"));
  StageProgress out{.epoch = PlanEpoch(in.epoch()),
                    .stage = in.stage(),
                    .done = in.done_bytes(),
                    .total = in.total_bytes(),
                    .activity = {}};
  EXO_TRY(out.activity, name_of(in.activity(), "what a stage does", kReasonCharsMax));
  return out;
}

ByteVector encode(const LeaderHint& message) {
  proto::LeaderHint out;
  put(*out.mutable_leader(), message.leader);
  return serialize(out);
}

template <>
Result<LeaderHint> decode<LeaderHint>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::LeaderHint>(bytes, "leads"));
  LeaderHint out;
  EXO_TRY(out.leader, member_of(in.leader()));
  return out;
}

ByteVector encode(const LinkProbeResult& message) {
  proto::LinkProbeResult out;
  out.set_bytes(message.bytes);
  return serialize(out);
}

template <>
Result<LinkProbeResult> decode<LinkProbeResult>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::LinkProbeResult>(bytes, "link probed"));
  return LinkProbeResult{.bytes = in.bytes()};
}

}  // namespace exogpu::wire
