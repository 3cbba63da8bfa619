#include "model/answer/harmony.h"

#include <algorithm>
#include <optional>

#include "model/answer/call_marks.h"

namespace exogpu::model {
namespace {

constexpr std::string_view kMessage = "<|message|>";
constexpr std::string_view kHeaderBegins[] = {"<|start|>", "<|channel|>"};
constexpr std::string_view kBodyEnds[] = {"<|end|>", "<|call|>", "<|return|>", "<|start|>", "<|channel|>"};
constexpr size_t kHeaderBytesMax = 512;

// The word behind `mark`, up to a blank or the next mark.
std::string_view word_behind(std::string_view header, std::string_view mark) {
  const size_t at = header.find(mark);
  if (at == std::string_view::npos) return {};
  const std::string_view word = header.substr(at + mark.size());
  return word.substr(0, word.find_first_of(" \t\r\n<"));
}

// Where the first of the marks begins, and its size; without one, how much of the text is certainly none.
struct Found {
  size_t at = std::string_view::npos;
  size_t size = 0;
  size_t certain = 0;
};

template <size_t n>
Found find_first(std::string_view text, const std::string_view (&marks)[n]) {
  Found found{.certain = text.size()};
  for (const std::string_view mark : marks) {
    const size_t at = text.find(mark);
    if (at < found.at) found = {.at = at, .size = mark.size(), .certain = at};
    if (found.at == std::string_view::npos) {
      found.certain = std::min(found.certain, text.size() - partial_mark(text, mark));
    }
  }
  return found;
}

}  // namespace

void HarmonyReader::write(std::string_view text, PieceWriter& out) {
  if (part_ == Part::reasoning) return out.reasoning(text);
  if (part_ != Part::arguments) return out.text(text);
  has_arguments_ = has_arguments_ || !text.empty();
  out.arguments(text);
}

void HarmonyReader::end_message(PieceWriter& out) {
  if (part_ == Part::arguments && !has_arguments_) out.arguments("{}");
  part_ = Part::between;
}

void HarmonyReader::begin_message(std::string_view header, PieceWriter& out) {
  const std::string_view channel = word_behind(header, "<|channel|>");
  std::string_view recipient = word_behind(header, "to=");
  constexpr std::string_view kNamespace = "functions.";
  if (recipient.starts_with(kNamespace)) recipient.remove_prefix(kNamespace.size());
  if (!recipient.empty() && calls_) {
    part_ = Part::arguments;
    has_arguments_ = false;
    out.call(std::string(recipient), "");
  } else {
    part_ = channel == "analysis" ? Part::reasoning : Part::text;
  }
}

// Text without a header is text.
bool HarmonyReader::read_header(std::string_view& rest, bool ended, PieceWriter& out) {
  const Found begin = find_first(rest, kHeaderBegins);
  if (begin.at != 0) {
    const size_t size = ended && begin.at == std::string_view::npos ? rest.size() : begin.certain;
    out.text(rest.substr(0, size));
    rest.remove_prefix(size);
    return size > 0;
  }
  const size_t end = rest.substr(0, kHeaderBytesMax).find(kMessage);
  if (end != std::string_view::npos) {
    begin_message(rest.substr(0, end), out);
    rest.remove_prefix(end + kMessage.size());
    return true;
  }
  if (rest.size() < kHeaderBytesMax && !ended) return false;
  out.text(rest.substr(0, begin.size));
  rest.remove_prefix(begin.size);
  return true;
}

bool HarmonyReader::read_body(std::string_view& rest, bool ended, PieceWriter& out) {
  const Found end = find_first(rest, kBodyEnds);
  const bool found = end.at != std::string_view::npos;
  const size_t size = found || !ended ? end.certain : rest.size();
  write(rest.substr(0, size), out);
  rest.remove_prefix(size);
  if (!found) return size > 0;
  const bool begins_another = std::ranges::any_of(kHeaderBegins, [&](auto mark) { return rest.starts_with(mark); });
  if (!begins_another) rest.remove_prefix(end.size);
  end_message(out);
  return true;
}

void HarmonyReader::read(std::string_view& rest, bool ended, PieceWriter& out) {
  while (!rest.empty() && (part_ == Part::between ? read_header(rest, ended, out) : read_body(rest, ended, out))) {
  }
  if (ended && part_ != Part::between) end_message(out);
}

}  // namespace exogpu::model
