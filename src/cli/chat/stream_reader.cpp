#include "cli/chat/line_reader.h"

namespace exogpu::cli {
namespace {

class StreamReader : public LineReader {
 public:
  explicit StreamReader(std::istream& in) : in_(in) {}

  Line read(bool) override {
    std::string text;
    if (!std::getline(in_, text)) return {.event = Event::end};
    if (text.ends_with('\r')) text.pop_back();
    return {.event = Event::line, .text = std::move(text)};
  }

 private:
  std::istream& in_;
};

}  // namespace

std::unique_ptr<LineReader> stream_reader(std::istream& in) { return std::make_unique<StreamReader>(in); }

}  // namespace exogpu::cli
