#include "cli/top/view.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>
#include <optional>

#include "base/units.h"
#include "base/utf8.h"
#include "cli/table.h"

namespace exogpu::cli {
namespace {

using TopJson = nlohmann::json;

constexpr size_t kSparkColumns = 24;
constexpr std::array<std::string_view, 8> kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::string_view kAsciiBars = "_.-:=+*#";

std::string word(const TopJson& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (found == object.end() || found->is_null()) return {};
  return printable(found->is_string() ? found->get<std::string>() : found->dump());
}

std::optional<double> amount(const TopJson& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (found == object.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

const TopJson& items(const TopJson& object, const char* key) {
  static const TopJson none = TopJson::array();
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_array() ? *found : none;
}

// One device, with its node.
struct DeviceLine {
  std::string name;
  std::optional<double> load, used, total, watts, celsius, suitability;
  TopJson history{};
  bool throttling = false;
};

std::vector<DeviceLine> device_lines(const TopJson& telemetry) {
  std::vector<DeviceLine> lines;
  for (const TopJson& node : items(telemetry, "nodes")) {
    for (const TopJson& device : items(node, "devices")) {
      DeviceLine line{.name = word(node, "name") + "/" + word(device, "id"),
                      .load = amount(device, "utilization"),
                      .used = amount(device, "memory_used_bytes"),
                      .total = amount(device, "memory_total_bytes"),
                      .watts = amount(device, "power_w"),
                      .celsius = amount(device, "temperature_c"),
                      .suitability = amount(device, "suitability"),
                      .throttling = !items(device, "throttling").empty()};
      if (device.is_object()) line.history = device.value("history", TopJson());
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

void sort(std::vector<DeviceLine>& lines, TopOrder order) {
  const auto key = [order](const DeviceLine& line) -> double {
    switch (order) {
      case TopOrder::name: return 0;
      case TopOrder::load: return -line.load.value_or(-1);
      case TopOrder::memory: return -line.used.value_or(-1);
      case TopOrder::power: return -line.watts.value_or(-1);
      case TopOrder::temperature: return -line.celsius.value_or(-300);
    }
    return 0;
  };
  std::ranges::stable_sort(lines, {}, key);
}

std::string memory_text(const DeviceLine& line) {
  if (!line.used || !line.total) return {};
  return std::format("{:.1f}/{:.1f} GiB", *line.used / GiB, *line.total / GiB);
}

std::string if_known(const std::optional<double>& value, std::format_string<const double&> text) {
  return value ? std::format(text, *value) : std::string();
}

std::string devices_table(const TopJson& telemetry, const TopLayout& layout) {
  std::vector<DeviceLine> lines = device_lines(telemetry);
  sort(lines, layout.order);
  Rows rows{{"DEVICE", "LOAD", "MEMORY", "POWER", "TEMP", "FIT", "LOAD OF TWO MINUTES"}};
  for (const DeviceLine& line : lines) {
    const auto load = line.load ? std::optional(*line.load * 100) : std::nullopt;
    rows.push_back({line.name, if_known(load, "{:.0f} %"), memory_text(line), if_known(line.watts, "{:.0f} W"),
                    if_known(line.celsius, "{:.0f} °C") + (line.throttling ? "!" : ""),
                    if_known(line.suitability, "{:.2f}"),
                    sparkline(items(line.history, "utilization"), 1, kSparkColumns, layout.utf8)});
  }
  return format_table(rows);
}

std::string stages_table(const TopJson& cluster) {
  Rows rows{{"MODEL", "LAYERS", "DEVICE", "STATE", "STEP", "REQUESTS", "TOKENS/S"}};
  for (const TopJson& model : items(cluster, "models")) {
    if (!model.is_object()) continue;
    const TopJson plan = model.value("plan", TopJson()), live = model.value("live", TopJson());
    const TopJson& times = items(live, "stage_step_s");
    size_t number = 0;
    for (const TopJson& stage : items(plan, "stages")) {
      const auto begin = amount(stage, "layer_begin").value_or(0), end = amount(stage, "layer_end").value_or(0);
      const bool first = number == 0;
      const bool timed = number < times.size() && times[number].is_number();
      const std::string step = timed ? std::format("{:.1f} ms", times[number].get<double>() * 1e3) : "";
      const std::string requests =
          first && live.is_object() ? word(live, "requests") + "+" + word(live, "waiting_requests") : "";
      rows.push_back({first ? word(model, "model") : "", std::format("{:.0f}-{:.0f}", begin, std::max(begin, end - 1)),
                      word(stage, "node") + "/" + word(stage, "device"), word(stage, "status"), step, requests,
                      first ? if_known(amount(live, "tokens_per_s"), "{:.1f}") : ""});
      ++number;
    }
  }
  return rows.size() > 1 ? format_table(rows) : std::string();
}

std::string headline(const TopJson& cluster) {
  const auto online = std::ranges::count_if(items(cluster, "nodes"), [](const TopJson& node) {
    return node.is_object() && node.value("online", TopJson(false)) == TopJson(true);
  });
  std::string text = std::format("exogpu: {} of {} nodes online", online, items(cluster, "nodes").size());
  const std::string leader = word(cluster, "leader");
  text += leader.empty() ? ", no leader" : ", led by " + leader;
  for (const TopJson& model : items(cluster, "models")) {
    const bool serving = model.is_object() && model.value("serving", TopJson(false)) == TopJson(true);
    text += std::format("; {} {}", serving ? "serving" : "not serving", word(model, "model"));
  }
  return text + "\n";
}

std::string alert_lines(const TopJson& alerts) {
  std::string out;
  for (const TopJson& alert : items(alerts, "alerts")) {
    const std::string node = word(alert, "node"), subject = word(alert, "subject");
    out += std::format("{}: {} {}{}{}: {}\n", word(alert, "severity"), word(alert, "name"), node,
                       node.empty() || subject.empty() ? "" : "/", subject, word(alert, "summary"));
  }
  return out;
}

// The first `columns` characters.
std::string cut_line(std::string_view line, size_t columns) {
  size_t at = 0;
  for (size_t count = 0; at < line.size(); ++at) {
    const bool begins = (static_cast<uint8_t>(line[at]) & 0xC0) != 0x80;
    if (begins && count++ == columns) break;
  }
  return std::string(line.substr(0, at));
}

}  // namespace

std::string_view to_string(TopOrder order) {
  switch (order) {
    case TopOrder::name: return "name";
    case TopOrder::load: return "load";
    case TopOrder::memory: return "memory";
    case TopOrder::power: return "power";
    case TopOrder::temperature: return "temperature";
  }
  return "?";
}

TopOrder next(TopOrder order) {
  return order == TopOrder::temperature ? TopOrder::name : static_cast<TopOrder>(static_cast<uint8_t>(order) + 1);
}

std::string sparkline(const TopJson& values, double most, size_t width, bool utf8) {
  std::string out;
  const size_t count = values.is_array() ? values.size() : 0;
  if (count == 0) return out;
  for (size_t column = 0; column < width; ++column) {
    double sum = 0;
    size_t known = 0;
    const size_t begin = column * count / width;
    for (size_t i = begin; i < std::max(begin + 1, (column + 1) * count / width); ++i) {
      if (!values[i].is_number()) continue;
      sum += values[i].get<double>();
      ++known;
    }
    if (known == 0) {
      out += ' ';
      continue;
    }
    const double share = std::clamp(sum / static_cast<double>(known) / most, 0.0, 1.0);
    const auto height = static_cast<size_t>(std::lround(share * (kBars.size() - 1)));
    if (utf8) {
      out += kBars[height];
    } else {
      out += kAsciiBars[height];
    }
  }
  return out;
}

std::string top_report(const TopInput& input, const TopLayout& layout) {
  std::string out = headline(input.cluster) + alert_lines(input.alerts);
  out += "\n" + devices_table(input.telemetry, layout);
  const std::string stages = stages_table(input.cluster);
  if (!stages.empty()) out += "\n" + stages;
  return out;
}

std::string top_text(const TopInput& input, const TopLayout& layout) {
  const std::string report = top_report(input, layout);
  std::string out;
  size_t lines = 0;
  for (size_t at = 0; at < report.size() && lines + 1 < layout.lines; ++lines) {
    const size_t end = report.find('\n', at);
    out += cut_line(std::string_view(report).substr(at, end - at), layout.columns) + "\n";
    at = end + 1;
  }
  for (; lines + 1 < layout.lines; ++lines) out += "\n";
  const std::string keys = std::format("s: sort ({})  d: drain  u: unload  q: quit", to_string(layout.order));
  return out + cut_line(layout.prompt.empty() ? keys : layout.prompt, layout.columns) + "\n";
}

}  // namespace exogpu::cli
