#include "wire/condition.h"

#include <cmath>

#include "wire/cluster_coding.h"

namespace exogpu::wire {

std::string_view to_string(Heat heat) {
  switch (heat) {
    case Heat::normal: return "normal";
    case Heat::hot: return "hot";
    case Heat::critical: return "critical";
  }
  return "unknown";
}

std::string_view to_string(HeatAction action) {
  switch (action) {
    case HeatAction::none: return "none";
    case HeatAction::paced: return "paced";
    case HeatAction::reduced: return "reduced";
    case HeatAction::fewer_layers: return "fewer_layers";
    case HeatAction::leaving: return "leaving";
  }
  return "unknown";
}

std::string_view to_string(MemoryPressure pressure) {
  switch (pressure) {
    case MemoryPressure::none: return "none";
    case MemoryPressure::spare: return "spare";
    case MemoryPressure::cached: return "cached";
    case MemoryPressure::layers: return "layers";
  }
  return "unknown";
}

namespace {

constexpr int32_t kTemperatureMax = 1000;

void put(proto::DeviceCondition& out, const DeviceCondition& in) {
  out.set_device(text(in.device));
  if (in.load_percent) out.set_load_percent(*in.load_percent);
  if (in.temperature_c) out.set_temperature_c(*in.temperature_c);
  out.set_heat(static_cast<uint32_t>(in.heat));
  out.set_speed_percent(in.speed_percent);
  out.set_others_percent(in.others_percent);
  if (in.action == HeatAction::none) return;
  out.set_action(static_cast<uint32_t>(in.action));
  out.set_pace_percent(in.pace_percent);
  out.set_action_reason(text(in.action_reason));
}

Result<uint32_t> percent_of(uint32_t field, std::string_view what, uint32_t least = 0) {
  if (field >= least && field <= 100) return field;
  return fail(ErrorCode::corrupt, "{} is {} %", what, field);
}

Result<DeviceCondition> device_of(const proto::DeviceCondition& in) {
  DeviceCondition out;
  EXO_TRY(out.device, name_of(in.device(), "the condition of a device"));
  if (in.has_load_percent()) {
    EXO_TRY(out.load_percent, percent_of(in.load_percent(), "the load of a device"));
  }
  if (in.has_temperature_c()) {
    if (in.temperature_c() < -kTemperatureMax || in.temperature_c() > kTemperatureMax) {
      return fail(ErrorCode::corrupt, "a device of {} degrees Celsius", in.temperature_c());
    }
    out.temperature_c = in.temperature_c();
  }
  if (in.heat() > static_cast<uint32_t>(Heat::critical)) {
    return fail(ErrorCode::corrupt, "a heat that is not known here ({})", in.heat());
  }
  out.heat = static_cast<Heat>(in.heat());
  EXO_TRY(out.speed_percent, percent_of(in.speed_percent(), "the speed of a device", 1));
  EXO_TRY(out.others_percent, percent_of(in.others_percent(), "what others use of a device"));
  if (in.action() == 0) return out;
  if (in.action() > static_cast<uint32_t>(HeatAction::leaving)) {
    return fail(ErrorCode::corrupt, "an action against heat that is not known here ({})", in.action());
  }
  out.action = static_cast<HeatAction>(in.action());
  EXO_TRY(out.pace_percent, percent_of(in.pace_percent(), "the pace of a device", 1));
  EXO_TRY(out.action_reason,
          name_of(in.action_reason(), "the reason of an action against heat", kActionReasonCharsMax));
  return out;
}

Result<ResidentShard> shard_of(const proto::ResidentShard& in) {
  ResidentShard out;
  EXO_TRY(out.device, name_of(in.device(), "the device of a shard"));
  EXO_TRY(out.model, name_of(in.model(), "the model of a shard"));
  EXO_TRY(out.content, name_of(in.content(), "the content of a shard"));
  out.layers = {.begin = in.layers_begin(), .end = in.layers_end()};
  if (out.layers.begin > out.layers.end) {
    return fail(ErrorCode::corrupt, "a shard of the layers {} to {}", out.layers.begin, out.layers.end);
  }
  return out;
}

template <typename Field>
void put_percent(Field& out, const MeasuredPercent& in) {
  out.set_few_percent(in.few);
  out.set_many_percent(in.many);
}

template <typename Field>
Result<MeasuredPercent> measured_of(const Field& in, std::string_view what) {
  const auto bounded = [](uint32_t percent) {
    return percent >= MeasuredPercent::kMin && percent <= MeasuredPercent::kMax;
  };
  if (bounded(in.few_percent()) && bounded(in.many_percent()))
    return MeasuredPercent{.few = in.few_percent(), .many = in.many_percent()};
  return fail(ErrorCode::corrupt, "a {} is measured at {} and {} % of its profile", what, in.few_percent(),
              in.many_percent());
}

Result<MeasuredSpeed> speed_of(const proto::MeasuredSpeed& in) {
  MeasuredSpeed out;
  EXO_TRY(out.device, name_of(in.device(), "the device of a measured speed"));
  EXO_TRY(out.type, name_of(in.type(), "the type of a measured speed"));
  EXO_TRY(out.content, name_of(in.content(), "the model of a measured speed"));
  EXO_TRY(out.percent, measured_of(in, "device"));
  return out;
}

Result<MeasuredLink> link_of(const proto::MeasuredLink& in) {
  MeasuredLink out;
  EXO_TRY(out.from, node_of(in.from(), "the beginning of a measured link"));
  EXO_TRY(out.to, node_of(in.to(), "the end of a measured link"));
  EXO_TRY(out.percent, measured_of(in, "link"));
  return out;
}

Result<OwnerRules> owner_of(const proto::OwnerRules& in) {
  OwnerRules out;
  EXO_TRY(out.reserved, name_of(in.reserved(), "why devices are reserved", kActionReasonCharsMax));
  EXO_TRY(out.circuit, name_of(in.circuit(), "the name of a circuit"));
  if (!std::isfinite(in.circuit_w()) || in.circuit_w() < 0) {
    return fail(ErrorCode::corrupt, "a circuit of {} W", in.circuit_w());
  }
  out.circuit_w = in.circuit_w();
  return out;
}

}  // namespace

void put(proto::NodeCondition& out, const NodeCondition& in) {
  if (in.load_percent) out.set_load_percent(*in.load_percent);
  if (in.battery) {
    out.mutable_battery()->set_charge_percent(in.battery->charge_percent);
    out.mutable_battery()->set_on_battery(in.battery->on_battery);
    out.mutable_battery()->set_low(in.battery->low);
    out.mutable_battery()->set_given_up(in.battery->given_up);
  }
  for (const DeviceCondition& device : in.devices) put(*out.add_devices(), device);
  for (const ResidentShard& shard : in.shards) {
    auto* resident = out.add_shards();
    resident->set_device(text(shard.device));
    resident->set_model(text(shard.model));
    resident->set_content(text(shard.content));
    resident->set_layers_begin(shard.layers.begin);
    resident->set_layers_end(shard.layers.end);
  }
  for (const MeasuredSpeed& speed : in.speeds) {
    auto* measured = out.add_speeds();
    measured->set_device(text(speed.device));
    measured->set_type(text(speed.type));
    measured->set_content(text(speed.content));
    put_percent(*measured, speed.percent);
  }
  for (const MeasuredLink& link : in.links) {
    auto* measured = out.add_links();
    measured->set_from(text_of(link.from));
    measured->set_to(text_of(link.to));
    put_percent(*measured, link.percent);
  }
  if (in.owner != OwnerRules()) {
    out.mutable_owner()->set_reserved(text(in.owner.reserved));
    out.mutable_owner()->set_circuit(text(in.owner.circuit));
    out.mutable_owner()->set_circuit_w(in.owner.circuit_w);
  }
  if (in.limits != OwnerLimits()) put(*out.mutable_limits(), in.limits);
  if (in.memory == MemoryCondition()) return;
  out.mutable_memory()->set_pressure(static_cast<uint32_t>(in.memory.pressure));
  if (in.memory.bytes_max) out.mutable_memory()->set_bytes_max(*in.memory.bytes_max);
}

Result<NodeCondition> condition_of(const proto::NodeCondition& in) {
  NodeCondition out;
  if (in.has_load_percent()) {
    EXO_TRY(out.load_percent, percent_of(in.load_percent(), "the load of a node"));
  }
  if (in.has_battery()) {
    BatteryCondition battery{.charge_percent = 0,
                             .on_battery = in.battery().on_battery(),
                             .low = in.battery().low(),
                             .given_up = in.battery().given_up()};
    EXO_TRY(battery.charge_percent, percent_of(in.battery().charge_percent(), "the charge of a battery"));
    out.battery = battery;
  }
  EXO_CHECK(within(in.devices_size(), kDevicesMax, "the devices of a condition"));
  for (const proto::DeviceCondition& field : in.devices()) {
    EXO_TRY(DeviceCondition device, device_of(field));
    out.devices.push_back(std::move(device));
  }
  EXO_CHECK(within(in.shards_size(), kShardsMax, "the shards of a node"));
  for (const proto::ResidentShard& field : in.shards()) {
    EXO_TRY(ResidentShard shard, shard_of(field));
    out.shards.push_back(std::move(shard));
  }
  EXO_CHECK(within(in.speeds_size(), kSpeedsMax, "the measured speeds of a node"));
  for (const proto::MeasuredSpeed& field : in.speeds()) {
    EXO_TRY(MeasuredSpeed speed, speed_of(field));
    out.speeds.push_back(std::move(speed));
  }
  EXO_CHECK(within(in.links_size(), kSpeedsMax, "the measured links of a node"));
  for (const proto::MeasuredLink& field : in.links()) {
    EXO_TRY(MeasuredLink link, link_of(field));
    out.links.push_back(link);
  }
  EXO_TRY(out.owner, owner_of(in.owner()));
  EXO_TRY(out.limits, limits_of(in.limits()));
  if (in.memory().pressure() > static_cast<uint32_t>(MemoryPressure::layers)) {
    return fail(ErrorCode::corrupt, "a pressure of memory that is not known here ({})", in.memory().pressure());
  }
  out.memory.pressure = static_cast<MemoryPressure>(in.memory().pressure());
  if (in.memory().has_bytes_max()) out.memory.bytes_max = in.memory().bytes_max();
  return out;
}

}  // namespace exogpu::wire
