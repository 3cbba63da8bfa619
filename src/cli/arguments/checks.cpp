#include "cli/arguments/checks.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <format>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "cli/arguments/nearest.h"

namespace exogpu::cli {
namespace {

template <typename T>
std::string check_number(const std::string& text, std::string_view expected) {
  T value{};
  return CLI::detail::lexical_cast(text, value) ? "" : std::format("\"{}\" is not {}", printable(text), expected);
}

void add_number_check(CLI::Option& option) {
  const std::string type = option.get_type_name();
  if (type == "UINT") {
    option.check([](const std::string& text) { return check_number<uint64_t>(text, "a whole number from 0 on"); });
    option.type_name("N");
  } else if (type == "INT") {
    option.check([](const std::string& text) { return check_number<int64_t>(text, "a whole number"); });
    option.type_name("N");
  } else if (type == "FLOAT") {
    option.check([](const std::string& text) { return check_number<double>(text, "a number"); });
    option.type_name("NUMBER");
  }
}

}  // namespace

CLI::Validator one_of(std::vector<std::string> words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return {[words = std::move(words), all](const std::string& text) {
            if (std::ranges::contains(words, text)) return std::string();
            return std::format("\"{}\" is not one of {}{}", printable(text), all, did_you_mean(text, words));
          },
          ""};
}

std::string words_type(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : "|") + word;
  return all;
}

CLI::Validator between(double lowest, double highest) {
  return {[lowest, highest](const std::string& text) {
            double value = 0;
            if (CLI::detail::lexical_cast(text, value) && value >= lowest && value <= highest) return std::string();
            return std::format("{} is not a number from {} to {}", printable(text), lowest, highest);
          },
          ""};
}

CLI::Validator byte_size() {
  return {[](std::string& text) {
            const std::string given = text;
            try {
              if (CLI::AsSizeValue(false)(text).empty()) return std::string();
            } catch (const CLI::ValidationError&) {
            }
            return std::format("\"{}\" is not a size, such as 8GiB or 512MiB", printable(given));
          },
          ""};
}

CLI::Validator percent() {
  return {[](std::string& text) {
            std::string_view digits = text;
            if (digits.ends_with('%')) digits.remove_suffix(1);
            double value = -1;
            const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
            if (error != std::errc() || end != digits.data() + digits.size() || !(value >= 0 && value <= 100))
              return std::format("{} is not a percentage from 0 to 100", printable(text));
            text = std::format("{}", value / 100);
            return std::string();
          },
          ""};
}

void add_number_checks(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) add_number_check(*option);
  for (CLI::App* command : app.get_subcommands({})) add_number_checks(*command);
}

}  // namespace exogpu::cli
