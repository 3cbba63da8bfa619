// The text format of Prometheus, version 0.0.4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace exogpu::api {

// An own writer: the format is a page, and prometheus-cpp's packages bring a web server and curl along.
class PrometheusText {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

  // The samples that follow belong to this family: its name in letters, digits and underscores, and its type ("gauge",
  // "counter", "histogram"). A family without samples is left out.
  void begin(std::string_view name, std::string_view type, std::string_view help);
  void add(double value, const Labels& labels = {}, std::string_view suffix = {});
  // Of a histogram: `counts` has one more than `bounds`, for what is above all bounds; not yet summed up.
  template <typename Bounds, typename Counts>
  void add_histogram(const Bounds& bounds, const Counts& counts, double sum, const Labels& labels) {
    uint64_t all = 0;
    for (size_t i = 0; i < counts.size(); ++i) {
      all += counts[i];
      const std::string bound = i < bounds.size() ? number(bounds[i]) : "+Inf";
      Labels with_bound = labels;
      with_bound.emplace_back("le", bound);
      add(static_cast<double>(all), with_bound, "_bucket");
    }
    add(sum, labels, "_sum");
    add(static_cast<double>(all), labels, "_count");
  }
  const std::string& text() const { return text_; }

 private:
  static std::string number(double value);

  std::string name_, head_, text_;
};

}  // namespace exogpu::api
