// Checks of layouts in processes of their own, since a wrong kernel may abort, crash or never end.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "gpu/layouts/check.h"

namespace exogpu::gpu {

struct CheckProgram {
  // The program and its first arguments; the device's id and the cases follow, and EXOGPU_LAYOUT_CHECK is set. It calls
  // answer_checks().
  std::vector<std::string> command;
  std::chrono::milliseconds timeout{60'000};  // with one case
};

// The verdicts of the cases, in their order. A case with which a process ends counts as wrong, and the rest is given to
// another process. Never fails: what cannot be found out is `unknown`.
std::vector<LayoutVerdict> check_in_processes(const CheckProgram& program, const Device& device,
                                              std::span<const LayoutCase> cases);

// The other side: checks the cases one by one and writes a line to standard output for each step. A device that this
// machine lacks, or a text that is no case, is `unknown`.
void answer_checks(const std::string& device, const std::vector<std::string>& cases);

// What one line of it says: "layout 3 prepared", "layout 3 wrong TEXT".
struct CheckLine {
  size_t index = 0;
  bool prepared = false;
  LayoutVerdict verdict;
};
std::optional<CheckLine> check_line(std::string_view line);

}  // namespace exogpu::gpu
