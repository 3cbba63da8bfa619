#include "cli/chat/screen.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/utf8.h"

namespace exogpu::cli {
namespace {

constexpr std::string_view dim = "\033[2m";
constexpr std::string_view red = "\033[31m";
constexpr std::string_view plain = "\033[0m";

}  // namespace

std::string terminal_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of("\n\t\r"), text.size());
    out += printable(text.substr(0, end));
    if (end == text.size()) break;
    if (text[end] != '\r') out += text[end];
    text.remove_prefix(end + 1);
  }
  return out;
}

void Screen::put(std::FILE* file, std::string_view text) {
  errno = 0;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0;
  if (!written && file == answers_ && failure_ == 0) failure_ = errno != 0 ? errno : EIO;
}

Result<void> Screen::written() const {
  if (failure_ == 0) return {};
  return fail(ErrorCode::io_error, "cannot write the answer: {}", std::strerror(failure_));
}

void Screen::answer(AnswerPart part, std::string_view text) {
  if (style_.colours) {
    if (part == AnswerPart::tag) return;
    // White space around a thought belongs to its tags; the screen shows one empty line between thought and answer.
    const bool begins = fresh_ || part != part_;
    if (begins) text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
    if (text.empty()) return;
    if (part != part_) put(answers_, part == AnswerPart::thought ? dim : plain);
    if (part != part_ && !fresh_) put(answers_, last_ == '\n' ? "\n" : "\n\n");
  }
  if (text.empty()) return;
  put(answers_, style_.safe ? terminal_text(text) : std::string(text));
  part_ = part;
  last_ = text.back();
  fresh_ = false;
}

void Screen::end_answer() {
  if (style_.colours && part_ == AnswerPart::thought) put(answers_, plain);
  if (last_ != '\n') put(answers_, "\n");
  part_ = AnswerPart::answer;
  last_ = '\n';
  fresh_ = true;
}

void Screen::note(std::string_view text) { put(notes_, std::string(text) + "\n"); }

void Screen::remark(std::string_view text) {
  std::string line(text);
  if (style_.colours) line = std::string(dim) + line + std::string(plain);
  put(notes_, line + "\n");
}

void Screen::error(std::string_view message) {
  std::string line = terminal_text(message);
  if (style_.colours) line = std::string(red) + line + std::string(plain);
  put(notes_, line + "\n");
}

}  // namespace exogpu::cli
