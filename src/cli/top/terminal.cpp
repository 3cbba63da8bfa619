#include "cli/top/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "cli/output.h"

namespace exogpu::cli {

TopTerminal::TopTerminal() {
  termios mode{};
  if (::tcgetattr(STDIN_FILENO, &mode) != 0) return;
  before_ = mode;
  mode.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &mode);
}

TopTerminal::~TopTerminal() {
  if (before_) ::tcsetattr(STDIN_FILENO, TCSANOW, &*before_);
}

std::pair<size_t, size_t> TopTerminal::size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {80, 24};
  return {size.ws_col, size.ws_row};
}

// Home, each line cleared to its end, and all below: nothing flickers.
void TopTerminal::show(std::string_view text) {
  std::string out = "\x1b[H";
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    out += text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    out += text.empty() ? "\x1b[K" : "\x1b[K\r\n";
  }
  write_out(out + "\x1b[J");
}

std::optional<char> TopTerminal::key(std::chrono::milliseconds within) {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  if (::poll(&input, 1, static_cast<int>(within.count())) <= 0) return std::nullopt;
  char pressed = 0;
  return ::read(STDIN_FILENO, &pressed, 1) == 1 ? pressed : 'q';
}

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view locale = value;
    return locale.contains("UTF-8") || locale.contains("utf8") || locale.contains("UTF8");
  }
  return false;
}

}  // namespace exogpu::cli
