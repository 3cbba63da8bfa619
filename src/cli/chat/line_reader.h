// Sources of the chat's lines.
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
    cancelled,  // Ctrl-C on a line with text: the line is discarded
    leave,      // Ctrl-D on an empty line
    end,        // end of input
  };
  struct Line {
    Event event = Event::end;
    std::string text = {};  // without its newline
  };

  virtual ~LineReader() = default;
  // `continued`: the line continues an incomplete input.
  virtual Line read(bool continued) = 0;
};

// A line editor in the terminal, with completion of commands and a history stored in the file `history`, unless that is
// empty. At most one per program.
std::unique_ptr<LineReader> terminal_reader(const std::filesystem::path& history);

// The lines of `in`, which must outlive the reader.
std::unique_ptr<LineReader> stream_reader(std::istream& in);

}  // namespace exogpu::cli
