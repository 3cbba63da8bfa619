#include "cli/progress_bar.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <format>

#include "cli/output.h"

namespace exogpu::cli {
namespace {

using namespace std::chrono_literals;

size_t terminal_width() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace

std::string progress_line(const std::string& label, Bytes done, Bytes total, size_t width) {
  done = std::min(done, total);
  double share = total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total);
  std::string after =
      std::format(" {:3.0f} %  {} of {}", std::floor(share * 100), format_bytes(done), format_bytes(total));
  size_t around = label.size() + after.size() + 3;
  size_t bar = width > around + 10 ? std::min<size_t>(width - around, 40) : 0;
  auto full = static_cast<size_t>(share * static_cast<double>(bar));
  std::string line = label;
  if (bar > 0) line += " [" + std::string(full, '#') + std::string(bar - full, '.') + "]";
  return (line + after).substr(0, width);
}

ProgressBar::ProgressBar(std::string label)
    : label_(std::move(label)), watched_(isatty(STDERR_FILENO) != 0), started_(std::chrono::steady_clock::now()) {}

ProgressBar::~ProgressBar() {
  if (shown_) write_err("\r\033[K");
}

void ProgressBar::update(Bytes done, Bytes total) {
  auto now = std::chrono::steady_clock::now();
  if (!watched_ || now - started_ < 300ms || now - drawn_ < 50ms) return;
  drawn_ = now;
  shown_ = true;
  print_err("\r{}\033[K", progress_line(label_, done, total, terminal_width() - 1));
  std::fflush(stderr);
}

}  // namespace exogpu::cli
