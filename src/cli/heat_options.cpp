#include "cli/heat_options.h"

#include <string>

#include "cli/arguments/checks.h"
#include "node/day_hours.h"

namespace exogpu::cli {

void add_heat_options(CLI::App& command, node::NodeOptions& options, const char* group) {
  command
      .add_option("--temperature-max", options.limits.temperature_max_c,
                  "Degrees Celsius that devices are to stay below; they pause between steps where it is needed "
                  "(default: 6 below the limit of the hardware)")
      ->check(between(wire::OwnerLimits::kTemperatureMinC, wire::OwnerLimits::kTemperatureMaxC))
      ->type_name("C")
      ->group(group);
  command
      .add_option("--power-max", options.limits.power_max_w,
                  "Watts that each device is to draw at most, on average, where its power is measured")
      ->check(between(wire::OwnerLimits::kPowerMinW, wire::OwnerLimits::kPowerMaxW))
      ->type_name("W")
      ->group(group);
  const auto is_hours = [](const std::string& text) {
    const auto hours = node::parse_day_hours(text);
    return hours ? std::string() : hours.error().message;
  };
  command
      .add_option_function<std::string>(
          "--quiet-hours",
          [&options](const std::string& text) { options.limits.quiet_hours = node::parse_day_hours(text).value(); },
          "Hours of the day, in local time, in which devices compute at most half of the time, such as 22-7")
      ->check(CLI::Validator(is_hours, ""))
      ->type_name("HH-HH")
      ->group(group);
  command
      .add_option("--battery-floor", options.limits.battery_floor_percent,
                  "Per cent of the battery below which plans do without this node, until it is plugged in; 100: "
                  "whenever it runs on battery")
      ->check(between(1, 100))
      ->type_name("PERCENT")
      ->group(group);
  command
      .add_option_function<std::string>(
          "--shared-hours",
          [&options](const std::string& text) { options.limits.shared_hours = node::parse_day_hours(text).value(); },
          "Hours of the day, in local time, in which plans may use this node's devices, such as 18-23 (default: all)")
      ->check(CLI::Validator(is_hours, ""))
      ->type_name("HH-HH")
      ->group(group);
  const auto is_circuit = [](const std::string& text) {
    const auto circuit = node::parse_circuit(text);
    return circuit ? std::string() : circuit.error().message;
  };
  command
      .add_option_function<std::string>(
          "--circuit", [&options](const std::string& text) { options.circuit = node::parse_circuit(text).value(); },
          "Watts that the devices of all nodes with this name of an electric circuit may draw together, such as "
          "kitchen=2000; plans do without the slowest of those for which nothing is left")
      ->check(CLI::Validator(is_circuit, ""))
      ->type_name("NAME=W")
      ->group(group);
}

}  // namespace exogpu::cli
