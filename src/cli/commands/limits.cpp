// exogpu limits: what a node may use, shown and changed while it runs.
#include <format>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "cli/api_options.h"
#include "cli/arguments/checks.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/table.h"
#include "node/day_hours.h"

namespace exogpu::cli {
namespace {

using json = nlohmann::ordered_json;

constexpr const char* kNone = "none";

struct LimitOptions {
  ApiOptions api;
  std::string node;
  json changes = json::object();  // as the API takes them
};

std::string number_text(const json& value, std::string_view unit) {
  return value.is_null() ? "-" : std::format("{:g} {}", value.get<double>(), unit);
}

Result<void> show(const api::ApiAddress& at, const std::string& node) {
  EXO_TRY(const std::string body, body_of(api::get(at, "/v1/cluster", std::chrono::seconds(5))));
  const json cluster = json::parse(body, nullptr, false);
  if (!cluster.is_object() || !cluster.contains("nodes")) {
    return fail(ErrorCode::corrupt, "the node answered with no description of its cluster; is it of another version?");
  }
  Rows rows{{"node", "temperature", "power", "quiet hours", "shared hours", "battery floor", "memory"}};
  for (const json& each : cluster["nodes"]) {
    if (!node.empty() && each.value("name", "") != node && each.value("id", "") != node) continue;
    if (!each.contains("limits")) continue;
    const json& limits = each["limits"];
    const auto hours = [](const json& value) { return value.is_null() ? "-" : printable(value.get<std::string>()); };
    const json& memory = limits["memory_max_bytes"];
    rows.push_back({printable(each.value("name", "")), number_text(limits["temperature_max_c"], "°C"),
                    number_text(limits["power_max_w"], "W"), hours(limits["quiet_hours"]),
                    hours(limits["shared_hours"]), number_text(limits["battery_floor_percent"], "%"),
                    memory.is_null() ? "-" : format_bytes(memory.get<Bytes>())});
  }
  if (rows.size() == 1) return fail(ErrorCode::not_found, "there is no node \"{}\"; see `exogpu status`", node);
  print_out("{}", format_table(rows));
  return {};
}

Result<void> limits(const LimitOptions& options) {
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  if (options.changes.empty()) return show(at, options.node);
  if (options.node.empty()) {
    return fail(ErrorCode::invalid_argument, "name the node whose limits are to change, as `exogpu status` shows it");
  }
  json body = options.changes;
  body["node"] = options.node;
  EXO_CHECK(post_json(at, "/v1/cluster/limits", body));
  println_out("The limits of the node {} are changed, also for its next starts.", printable(options.node));
  return {};
}

// `read` takes what the option says into JSON; its errors end the parsing.
template <typename Read>
void add_limit(CLI::App& command, LimitOptions& options, const char* option, const char* field, const char* type,
               const char* text, const CLI::Validator& check, Read read) {
  const CLI::Validator none_or = {[check](std::string& given) { return given == kNone ? std::string() : check(given); },
                                  ""};
  command
      .add_option_function<std::string>(
          option,
          [&options, field, read](const std::string& given) {
            options.changes[field] = given == kNone ? json(nullptr) : read(given);
          },
          text)
      ->transform(none_or)
      ->type_name(type);
}

std::string hours_problem(const std::string& text) {
  const auto hours = node::parse_day_hours(text);
  return hours ? std::string() : hours.error().message;
}

CLI::Validator whole_percent() {
  return {[range = between(1, 100)](std::string& text) {
            std::string problem = range(text);
            const bool whole = text.find_first_not_of("0123456789") == std::string::npos;
            return problem.empty() && !whole ? std::format("{} is not a whole number", text) : problem;
          },
          ""};
}

CLI::Validator memory_size() {
  return {[size = byte_size()](std::string& text) {
            std::string problem = size(text);
            if (!problem.empty() || std::stoull(text) >= wire::OwnerLimits::kMemoryMin) return problem;
            return std::format("{} is less than {}", format_bytes(std::stoull(text)),
                               format_bytes(wire::OwnerLimits::kMemoryMin));
          },
          ""};
}

void add_all_limits(CLI::App& command, LimitOptions& options) {
  using wire::OwnerLimits;
  const auto number = [](const std::string& text) { return json(std::stod(text)); };
  const auto whole = [](const std::string& text) { return json(std::stoull(text)); };
  const auto word = [](const std::string& text) { return json(text); };
  const CLI::Validator hours([](const std::string& text) { return hours_problem(text); }, "");
  add_limit(command, options, "--temperature-max", "temperature_max_c", "C|none",
            "Degrees Celsius that its devices are to stay below",
            between(OwnerLimits::kTemperatureMinC, OwnerLimits::kTemperatureMaxC), number);
  add_limit(command, options, "--power-max", "power_max_w", "W|none", "Watts that each device is to draw at most",
            between(OwnerLimits::kPowerMinW, OwnerLimits::kPowerMaxW), number);
  add_limit(command, options, "--quiet-hours", "quiet_hours", "HH-HH|none",
            "Hours of its day in which devices compute at most half of the time, such as 22-7", hours, word);
  add_limit(command, options, "--shared-hours", "shared_hours", "HH-HH|none",
            "Hours of its day in which plans may use its devices, such as 18-23", hours, word);
  add_limit(command, options, "--battery-floor", "battery_floor_percent", "PERCENT|none",
            "Per cent of the battery below which plans do without it; 100: whenever it runs on battery",
            whole_percent(), number);
  add_limit(command, options, "--memory", "memory_max_bytes", "SIZE|none",
            "Memory of each device that models may use, for example 8GiB", memory_size(), whole);
}

}  // namespace

void add_limits(CLI::App& app, Action& action) {
  auto options = std::make_shared<LimitOptions>();
  auto* command = app.add_subcommand("limits", "Show and change what a node may use, while it runs");
  command
      ->add_option("node", options->node,
                   "The node's name or id, as `exogpu status` shows it; without one, the limits of all are shown")
      ->type_name("NODE");
  add_all_limits(*command, *options);
  command->footer(
      "What is not given stays as it is, and \"none\" lifts a limit. The node keeps its limits when it starts again,\n"
      "until `exogpu serve` is given others by its options of the same names.");
  add_api_options(*command, options->api);
  command->callback([options, &action] { action = [options] { return limits(*options); }; });
}

}  // namespace exogpu::cli
