#include "cli/chat/chat.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>

#include "base/utf8.h"
#include "cli/chat/chat_session.h"
#include "cli/chat/history_file.h"
#include "cli/chat/input_lines.h"
#include "cli/chat/line_reader.h"

namespace exogpu::cli {
namespace {

using namespace std::chrono_literals;
using Event = LineReader::Event;

// A Ctrl-C within this time after the end of an answer was meant for the answer.
constexpr auto grace = 500ms;

bool use_colours() {
  const char* none = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return !(none && *none) && terminal && std::string_view(terminal) != "dumb";
}

Result<void> chat_on_terminal(ChatBackend& backend, const ChatOptions& options) {
  Screen screen(stdout, stdout, {.safe = true, .colours = use_colours()});
  ChatSession session(backend, screen, options, true);
  const auto reader = terminal_reader(history_file());
  screen.note(printable(backend.description()) + "\n/help lists the commands, Ctrl-D leaves.");

  InputLines lines;
  auto answered = std::chrono::steady_clock::now() - grace;
  while (true) {
    const LineReader::Line line = reader->read(lines.is_open());
    const bool drops = line.event == Event::cancelled || (line.event == Event::leave && lines.is_open());
    if (drops) {
      lines.finish();
      continue;
    }
    if (line.event == Event::leave && std::chrono::steady_clock::now() - answered < grace) continue;
    if (line.event != Event::line) return {};
    const auto input = lines.add(line.text);
    if (!input) continue;
    const auto next = session.handle(*input);
    EXO_CHECK(screen.written());
    if (!next) screen.error(next.error().message);
    if (next == ChatSession::Next::leave) return {};
    answered = std::chrono::steady_clock::now();
  }
}

Result<void> chat_on_stream(ChatBackend& backend, const ChatOptions& options) {
  Screen screen(stdout, stderr, {.safe = isatty(STDOUT_FILENO) != 0, .colours = false});
  ChatSession session(backend, screen, options, false);
  const auto reader = stream_reader(std::cin);

  InputLines lines;
  while (true) {
    const LineReader::Line line = reader->read(lines.is_open());
    const auto input = line.event == Event::line ? lines.add(line.text) : lines.finish();
    if (input) {
      EXO_TRY(const auto next, session.handle(*input));
      if (next == ChatSession::Next::leave) return {};
    }
    if (line.event == Event::line) continue;
    if (std::ferror(stdin) != 0) return fail(ErrorCode::io_error, "standard input cannot be read");
    return {};
  }
}

}  // namespace

Result<void> run_chat(ChatBackend& backend, const ChatOptions& options) {
  const bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
  return terminal ? chat_on_terminal(backend, options) : chat_on_stream(backend, options);
}

}  // namespace exogpu::cli
