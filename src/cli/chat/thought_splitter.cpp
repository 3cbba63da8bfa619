#include "cli/chat/thought_splitter.h"

#include <algorithm>
#include <array>
#include <utility>

namespace exogpu::cli {
namespace {

struct Tags {
  std::string_view open;
  std::string_view close;
};

constexpr auto known_tags = std::to_array<Tags>({
    {"<think>", "</think>"},
    {"<thinking>", "</thinking>"},
    {"[THINK]", "[/THINK]"},
});

// The number of bytes at the end of `text` that may be the beginning of `tag`.
size_t partial_tag(std::string_view text, std::string_view tag) {
  size_t length = std::min(text.size(), tag.size() - 1);
  while (length > 0 && !tag.starts_with(text.substr(text.size() - length))) --length;
  return length;
}

}  // namespace

void ThoughtSplitter::feed(std::string_view text, const Sink& sink) {
  waiting_ += text;
  if (state_ == State::head) read_head(sink);
  if (state_ == State::thought) read_thought(sink);
  if (state_ == State::answer) finish(sink);
}

void ThoughtSplitter::finish(const Sink& sink) {
  if (waiting_.empty()) return;
  sink(state_ == State::thought ? AnswerPart::thought : AnswerPart::answer, std::exchange(waiting_, {}));
}

void ThoughtSplitter::read_head(const Sink& sink) {
  const std::string_view waiting = waiting_;
  const size_t begin = waiting.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return;
  const std::string_view head = waiting.substr(begin);
  for (const Tags& tags : known_tags) {
    if (head.starts_with(tags.open)) {
      const size_t end = begin + tags.open.size();
      sink(AnswerPart::tag, waiting.substr(0, end));
      waiting_.erase(0, end);
      closing_ = tags.close;
      state_ = State::thought;
      return;
    }
  }
  if (std::ranges::any_of(known_tags, [&](const Tags& tags) { return tags.open.starts_with(head); })) return;
  state_ = State::answer;
}

void ThoughtSplitter::read_thought(const Sink& sink) {
  const std::string_view waiting = waiting_;
  const size_t at = waiting.find(closing_);
  if (at == std::string_view::npos) {
    const size_t certain = waiting.size() - partial_tag(waiting, closing_);
    if (certain > 0) sink(AnswerPart::thought, waiting.substr(0, certain));
    waiting_.erase(0, certain);
    return;
  }
  if (at > 0) sink(AnswerPart::thought, waiting.substr(0, at));
  sink(AnswerPart::tag, closing_);
  waiting_.erase(0, at + closing_.size());
  state_ = State::answer;
}

}  // namespace exogpu::cli
