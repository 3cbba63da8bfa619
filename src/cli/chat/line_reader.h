// Where the chat's lines come from.
#pragma once

#include <filesystem>
#include <istream>
#include <memory>
#include <string>

namespace exogpu::cli {

class LineReader {
 public:
  enum class Event {
    line,
    cancelled,  // Ctrl-C on a line with text on it: the line is dropped
    left,       // Ctrl-D on an empty line
    end,        // of the input
  };
  struct Line {
    Event event = Event::end;
    std::string text = {};  // of a line, without its newline
  };

  virtual ~LineReader() = default;
  // `continued`: the line goes on with an input that is not complete.
  virtual Line read(bool continued) = 0;
};

// An editor on the terminal, with completion of commands, and with a history that is kept in `history`, or not kept
// when that is empty. The program may have one.
std::unique_ptr<LineReader> terminal_reader(const std::filesystem::path& history);

// Lines of `in`, which must outlive the reader.
std::unique_ptr<LineReader> stream_reader(std::istream& in);

}  // namespace exogpu::cli
