// A terminal that shows a screen of text and gives single keys.
#pragma once

#include <termios.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace exogpu::cli {

// While it exists, keys arrive at once and are not echoed. Uses three escape sequences that all terminals know, and no
// colours.
class TopTerminal {
 public:
  TopTerminal();
  ~TopTerminal();
  TopTerminal(const TopTerminal&) = delete;
  TopTerminal& operator=(const TopTerminal&) = delete;

  // Columns and lines; 80 and 24 where the system does not know.
  static std::pair<size_t, size_t> size();
  void show(std::string_view text);
  // The next key; absent when none was pressed within this time, 'q' when the input has ended.
  static std::optional<char> key(std::chrono::milliseconds within);

 private:
  std::optional<termios> before_;
};

// Whether the texts of the user's language are UTF-8.
bool locale_is_utf8();

}  // namespace exogpu::cli
