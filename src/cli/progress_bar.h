// A bar on the terminal's last line during long work. Silent if standard error is not a terminal, and for very short
// work.
#pragma once

#include <chrono>
#include <string>

#include "base/units.h"

namespace exogpu::cli {

class ProgressBar {
 public:
  explicit ProgressBar(std::string label);
  ~ProgressBar();  // clears the line
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void update(Bytes done, Bytes total);

 private:
  std::string label_;
  bool watched_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point drawn_;
};

// "loading [#####.....] 52 %  1.2 GiB of 2.3 GiB", fitted to `width` columns.
std::string progress_line(const std::string& label, Bytes done, Bytes total, size_t width);

}  // namespace exogpu::cli
