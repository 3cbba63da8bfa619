// What `exogpu top` shows: a screen of text from the JSON of a node's API.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace exogpu::cli {

enum class TopOrder : uint8_t { name, load, memory, power, temperature };
std::string_view to_string(TopOrder order);
TopOrder next(TopOrder order);

struct TopInput {
  nlohmann::json cluster{}, telemetry{}, alerts{};  // of /v1/cluster, /v1/telemetry?history_s=120, /v1/alerts
};

struct TopLayout {
  size_t columns = 80, lines = 24;
  bool utf8 = true;  // else sparklines are of ASCII characters
  TopOrder order = TopOrder::name;
  std::string prompt{};  // the last line; empty: the keys
};

// A bar for each part of the time, the oldest first; a blank where there is no value. `values` from 0 to `most`.
std::string sparkline(const nlohmann::json& values, double most, size_t width, bool utf8);

// At most so many lines, of at most so many columns, each with its newline. Texts of other machines are made safe.
std::string top_text(const TopInput& input, const TopLayout& layout);

// As top_text(), but all of it, for a pipe.
std::string top_report(const TopInput& input, const TopLayout& layout);

}  // namespace exogpu::cli
