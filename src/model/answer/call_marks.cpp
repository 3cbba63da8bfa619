#include "model/answer/call_marks.h"

#include <algorithm>

namespace exogpu::model {

std::optional<bool> begins_with(std::string_view text, std::string_view mark) {
  if (text.size() >= mark.size()) return text.starts_with(mark);
  if (mark.starts_with(text)) return std::nullopt;
  return false;
}

size_t partial_mark(std::string_view text, std::string_view mark) {
  size_t length = std::min(text.size(), mark.size() - 1);
  while (length > 0 && !mark.starts_with(text.substr(text.size() - length))) --length;
  return length;
}

std::string_view without_blanks_before(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
}

}  // namespace exogpu::model
