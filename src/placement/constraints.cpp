#include "placement/constraints.h"

#include <algorithm>
#include <array>
#include <format>

#include "placement/precision.h"

namespace exogpu::placement {
namespace {

using Reason = std::optional<std::string>;

std::string name_of(const CostModel& model, size_t device) {
  return label(model.view(), model.view().devices[device].id);
}

struct RuleName {
  Rule rule;
  std::string_view name;
  std::optional<Soft> soft;
  std::string_view met;  // what it says of a device that meets it
};
constexpr std::array kRules = {RuleName{Rule::access, "access", {}, "nobody has reserved it"},
                               RuleName{Rule::failed, "failed", {}, "it has not failed to load layers of this model"},
                               RuleName{Rule::precision, "precision", {}, "computes with the types of all weights"},
                               RuleName{Rule::power, "power", Soft::power, "no limit of power speaks against it"},
                               RuleName{Rule::battery, "battery", Soft::battery, "its node has power enough"},
                               RuleName{Rule::heat, "heat", Soft::heat, "it is not critically hot"}};

// What others know of the devices.
Constraint by_rule(const CostModel& model, const RuleName& of) {
  return {.name = of.name,
          .soft = of.soft,
          .alone = [&model, rule = of.rule](size_t device) -> Reason {
            const DeviceRule* found = model.rule(device, rule);
            return found != nullptr ? Reason(found->reason) : std::nullopt;
          },
          .met = [text = of.met](size_t) { return std::string(text); }};
}

// What the devices' profiles know of their types, beside what others know.
Constraint precision(const CostModel& model, const Constraint& by_others) {
  const auto of = [&model](size_t device) { return precision_of(model.view().devices[device], model.shape()); };
  Constraint constraint = by_others;
  constraint.alone = [of, others = by_others.alone](size_t device) -> Reason {
    const Precision own = of(device);
    if (own.cannot.empty()) return others(device);
    return std::format(
        "cannot compute with {} weights, nor with what these can be converted to; use a file in another "
        "quantisation, or other devices",
        own.cannot);
  };
  constraint.met = [of, others = by_others.met](size_t device) {
    const Precision own = of(device);
    if (own.converts.empty()) return others(device);
    return std::format("converts {} when it loads them: {:.2f} times the bytes of the file", own.converts, own.growth);
  };
  return constraint;
}

Constraint excluded(const CostModel& model) {
  return {.name = "excluded",
          .alone = [&model](size_t device) -> Reason {
            if (!std::ranges::contains(model.request().excluded, model.view().devices[device].id)) return {};
            return "excluded by the user";
          },
          .met = [](size_t) { return std::string("the user allows it"); }};
}

// The least that a stage needs: the smallest run that can be cut out.
Bytes least_stage(const CostModel& model) {
  Bytes least = std::numeric_limits<Bytes>::max();
  for (uint32_t begin = 0; begin < model.layers();) {
    uint32_t end = begin + 1;
    while (end < model.layers() && !model.can_cut(end)) ++end;
    least = std::min(least, model.memory({begin, end}).total());
    begin = end;
  }
  return least;
}

// Layers from the first on that fit into so many bytes.
uint32_t layers_within(const CostModel& model, Bytes bytes) {
  uint32_t fits = 0;
  for (uint32_t end = 1; end <= model.layers(); ++end) {
    if (model.memory({0, end}).total() <= bytes) fits = end;
  }
  return fits;
}

Constraint memory(const CostModel& model) {
  return {.name = "memory",
          .alone = [&model, least = least_stage(model)](size_t device) -> Reason {
            const Bytes free = model.view().devices[device].memory_free;
            if (least <= free) return {};
            return std::format("no room for a single layer: needs {}, {} free", format_bytes(least),
                               format_bytes(free));
          },
          .met =
              [&model](size_t device) {
                const Bytes free = model.view().devices[device].memory_free;
                return std::format("{} free: room for {} of {} layers", format_bytes(free), layers_within(model, free),
                                   model.layers());
              }};
}

// Of a machine that is short of memory: what plans are not to use, if others have room.
Constraint memory_pressure(const CostModel& model) {
  return {.name = to_string(Soft::memory),
          .soft = Soft::memory,
          .alone = [&model, least = least_stage(model)](size_t device) -> Reason {
            const Bytes left = model.memory_unspared(device);
            if (left == model.view().devices[device].memory_free || least <= left) return {};
            return std::format("its machine is short of memory and leaves {} to it, less than the {} of a single layer",
                               format_bytes(left), format_bytes(least));
          },
          .met =
              [&model](size_t device) {
                const Bytes left = model.memory_unspared(device);
                if (left == model.view().devices[device].memory_free)
                  return std::string("its machine asks for no memory back");
                return std::format("its machine is short of memory and leaves {} to it: room for {} of {} layers",
                                   format_bytes(left), layers_within(model, left), model.layers());
              }};
}

Constraint by_hand(const CostModel& model) {
  return {.name = kByHand,
          .alone = [&model](size_t device) -> Reason {
            const auto& fixed = model.request().fixed_layers;
            const wire::DeviceRef& id = model.view().devices[device].id;
            if (fixed.empty() || std::ranges::contains(fixed, id, &AssignedLayers::device)) return {};
            return "the layers are assigned by hand, and none to it";
          },
          .met =
              [&model](size_t) {
                return std::string(model.request().fixed_layers.empty() ? "no layers are assigned by hand"
                                                                        : "its layers are assigned by hand");
              }};
}

// Cuts that are not allowed concern a device only where no run between two allowed ones fits.
Constraint together(const CostModel& model) {
  return {.name = "together", .met = [&model](size_t) {
            uint32_t joined = 0;
            for (uint32_t l = 1; l < model.layers(); ++l) joined += model.can_cut(l) ? 0 : 1;
            return joined == 0
                       ? std::string("the model can be cut between any two layers")
                       : std::format("at {} of {} places layers must stay together", joined, model.layers() - 1);
          }};
}

std::string nothing_between(size_t) { return "nothing between it and the devices of the plan"; }

Constraint host_memory(const CostModel& model) {
  return {.name = "host memory",
          .beside = [&model](size_t device, size_t other) -> Reason {
            if (!model.share_memory(device, other)) return {};
            return std::format("takes its memory from the same host as {}", name_of(model, other));
          },
          .met = nothing_between};
}

Constraint failing_link(const CostModel& model) {
  return {.name = to_string(Soft::link),
          .soft = Soft::link,
          .beside = [&model](size_t device, size_t other) -> Reason {
            if (!model.link_avoided(device, other)) return {};
            return std::format("the link between it and {} broke repeatedly", name_of(model, other));
          },
          .met = nothing_between};
}

Constraint reachability(const CostModel& model) {
  return {.name = "link",
          .beside = [&model](size_t device, size_t other) -> Reason {
            if (model.linked(device, other) || model.linked(other, device)) return {};
            return std::format("no link between it and {}", name_of(model, other));
          },
          .met = nothing_between};
}

const RuleName& named(Rule rule) { return *std::ranges::find(kRules, rule, &RuleName::rule); }

}  // namespace

std::optional<Soft> soft_of(Rule rule) { return named(rule).soft; }
std::string_view to_string(Rule rule) { return named(rule).name; }
std::optional<Rule> rule_of(std::string_view name) {
  const auto found = std::ranges::find(kRules, name, &RuleName::name);
  return found == kRules.end() ? std::nullopt : std::optional(found->rule);
}

std::vector<Constraint> constraints_of(const CostModel& model) {
  std::vector<Constraint> constraints = {excluded(model)};
  for (const RuleName& each : kRules) {
    Constraint constraint = by_rule(model, each);
    if (each.rule == Rule::precision) constraint = precision(model, constraint);
    constraints.push_back(std::move(constraint));
  }
  constraints.push_back(memory(model));
  constraints.push_back(memory_pressure(model));
  constraints.push_back(by_hand(model));
  constraints.push_back(together(model));
  constraints.push_back(host_memory(model));
  constraints.push_back(failing_link(model));
  constraints.push_back(reachability(model));
  return constraints;
}

std::optional<Breach> breach_of(std::span<const Constraint> constraints, GivenUp given_up, size_t device) {
  for (const Constraint& constraint : constraints) {
    if (!constraint.alone || !constraint.holds(given_up)) continue;
    if (auto reason = constraint.alone(device)) return Breach{constraint.name, *std::move(reason)};
  }
  return {};
}

}  // namespace exogpu::placement
