#include "api/metrics/prometheus_text.h"

#include <cmath>
#include <format>
#include <utility>

#include "base/utf8.h"

namespace exogpu::api {
namespace {

// In a label backslash, quote and line feed are escaped.
std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : printable(value)) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string PrometheusText::number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return std::format("{}", value);
}

void PrometheusText::begin(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  head_ = std::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

void PrometheusText::add(double value, const Labels& labels, std::string_view suffix) {
  text_ += std::exchange(head_, {});
  text_ += name_;
  text_ += suffix;
  for (size_t i = 0; i < labels.size(); ++i) {
    text_ += std::format("{}{}=\"{}\"", i == 0 ? '{' : ',', labels[i].first, escaped(labels[i].second));
  }
  text_ += std::format("{} {}\n", labels.empty() ? "" : "}", number(value));
}

}  // namespace exogpu::api
