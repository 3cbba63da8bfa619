#include <format>

#include "model/answer/call_arguments.h"
#include "model/answer/call_marks.h"

namespace exogpu::model {
namespace {

class ObjectArguments final : public ArgumentsReader {
 public:
  explicit ObjectArguments(const JsonProgress& outer) : progress_(outer), outer_depth_(outer.depth()) {}

  bool read(std::string_view& rest, bool ended, PieceWriter& out) override {
    std::string written;
    bool complete = false;
    while (!rest.empty() && !broken_ && !complete) complete = push(rest, written);
    out.arguments(written);
    return broken_ ? read_broken(rest, ended, out) : complete;
  }

 private:
  // Reads one character. True: the call is complete.
  bool push(std::string_view& rest, std::string& written) {
    const char c = rest.front();
    const bool in_string = progress_.in_string();
    const JsonProgress::State state = progress_.push(c);
    if (state == JsonProgress::State::invalid) {
      broken_ = !arguments_end_;
      return arguments_end_;
    }
    rest.remove_prefix(1);
    if (!arguments_end_) {
      const bool control = in_string && static_cast<unsigned char>(c) < 0x20;
      written += control ? std::format("\\u{:04x}", c) : std::string(1, c);
      arguments_end_ = !in_string && c == '}' && progress_.depth() == outer_depth_;
    }
    return state == JsonProgress::State::complete;
  }

  static bool read_broken(std::string_view& rest, bool ended, PieceWriter& out) {
    size_t end = std::string_view::npos, partial = 0;
    const auto look_for = [&](std::string_view mark) {
      if (mark.empty()) return;
      end = std::min(end, rest.find(mark));
      partial = std::max(partial, partial_mark(rest, mark));
    };
    for (const MarkPair& marks : kCallMarks) look_for(marks.close);
    for (const std::string_view mark : kInnerMarks) look_for(mark);
    const bool found = end != std::string_view::npos;
    const size_t size = found ? end : rest.size() - (ended ? 0 : partial);
    out.arguments(rest.substr(0, size));
    rest.remove_prefix(size);
    return found;
  }

  JsonProgress progress_;
  size_t outer_depth_;
  bool arguments_end_ = false, broken_ = false;
};

}  // namespace

std::unique_ptr<ArgumentsReader> read_object(const JsonProgress& outer) {
  return std::make_unique<ObjectArguments>(outer);
}

}  // namespace exogpu::model
