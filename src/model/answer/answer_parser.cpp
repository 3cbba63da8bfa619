#include "model/answer/answer_parser.h"

#include <algorithm>
#include <utility>

namespace exogpu::model {
namespace {

constexpr std::string_view kAllText = "all\n";  // functionary: what follows is text

}  // namespace

AnswerParser::AnswerParser(AnswerParserOptions options)
    : options_(std::move(options)), out_(!options_.tools.empty()), close_(options_.reasoning_close) {
  if (options_.form.harmony) harmony_.emplace(!options_.tools.empty());
  if (close_.empty() && options_.form.begins_with_name && !options_.tools.empty()) {
    begin_section("", "", false);
  }
}

void AnswerParser::push(std::string_view text, const PieceSink& sink) { run(text, false, sink); }

void AnswerParser::finish(const PieceSink& sink) {
  run("", true, sink);
  out_.finish();
}

void AnswerParser::run(std::string_view text, bool ended, const PieceSink& sink) {
  out_.use(&sink);
  waiting_ += text;
  rest_ = waiting_;
  if (harmony_) {
    harmony_->read(rest_, ended, out_);
  } else {
    while (step(ended)) {
    }
  }
  waiting_.erase(0, waiting_.size() - rest_.size());
}

bool AnswerParser::step(bool ended) {
  switch (state_) {
    case State::head: return read_head(ended);
    case State::reasoning: return read_reasoning(ended);
    case State::text: return read_text(ended);
    case State::section: return read_section(ended);
    case State::full: break;
  }
  rest_ = {};
  return false;
}

// An answer may begin with reasoning, after blanks. Where the prompt has opened it, some models write the mark again.
bool AnswerParser::read_head(bool ended) {
  const std::string_view head = without_blanks_before(rest_);
  bool undecided = head.empty();
  for (const MarkPair& marks : kReasoningMarks) {
    const auto is = begins_with(head, marks.open);
    undecided = undecided || !is;
    if (!is.value_or(false)) continue;
    rest_ = head.substr(marks.open.size());
    close_ = marks.close;
    state_ = State::reasoning;
    return true;
  }
  if (undecided && !ended) return false;
  state_ = close_.empty() ? State::text : State::reasoning;
  return true;
}

bool AnswerParser::read_reasoning(bool ended) {
  const size_t at = rest_.find(close_);
  const bool found = at != std::string_view::npos;
  const size_t size = found ? at : rest_.size() - (ended ? 0 : partial_mark(rest_, close_));
  out_.reasoning(rest_.substr(0, size));
  rest_.remove_prefix(size);
  if (!found) return false;
  rest_.remove_prefix(close_.size());
  state_ = State::text;
  return true;
}

void AnswerParser::begin_section(std::string_view mark, std::string_view close, bool bare) {
  mark_ = mark;
  section_.emplace(options_.tools, close, bare, options_.calls_max - out_.calls());
  state_ = State::section;
}

bool AnswerParser::read_text(bool ended) {
  if (options_.tools.empty()) {
    out_.text(rest_);
    rest_ = {};
    return false;
  }
  size_t at = rest_.size(), certain = rest_.size();
  const MarkPair* first = nullptr;
  for (const MarkPair& marks : options_.form.calls) {
    if (const size_t found = rest_.find(marks.open); found < at) {
      at = found;
      first = &marks;
    }
    certain = std::min(certain, rest_.size() - partial_mark(rest_, marks.open));
  }
  if (!text_begun_) {
    const std::string_view begin = without_blanks_before(rest_.substr(0, at));
    if (begin.empty() && !first && !ended) return false;
    text_begun_ = !begin.empty();
    if (begin.starts_with('{') || begin.starts_with('[')) {
      begin_section("", "", true);
      return true;
    }
  }
  const size_t size = first || ended ? at : certain;
  out_.text(rest_.substr(0, size));
  rest_.remove_prefix(size);
  if (!first) return false;
  const bool part_of_call = first->open.ends_with('=');
  if (!part_of_call) rest_.remove_prefix(first->open.size());
  begin_section(part_of_call ? "" : first->open, first->close, false);
  return true;
}

bool AnswerParser::read_section(bool ended) {
  const CallSection::Outcome outcome = section_->read(rest_, ended, out_);
  if (outcome == CallSection::Outcome::wait) return false;
  section_.reset();
  text_begun_ = true;
  state_ = out_.calls() >= options_.calls_max ? State::full : State::text;
  if (outcome == CallSection::Outcome::done) return true;
  const bool all_text = options_.form.begins_with_name && rest_.starts_with(kAllText);
  if (all_text) rest_.remove_prefix(kAllText.size());
  if (!all_text) out_.text(mark_);
  // Where the mark is part of the call, the search goes on behind its first character.
  if (mark_.empty() && rest_.starts_with('<')) {
    out_.text("<");
    rest_.remove_prefix(1);
  }
  return true;
}

}  // namespace exogpu::model
