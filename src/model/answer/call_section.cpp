#include "model/answer/call_section.h"

#include <optional>

#include "model/answer/call_marks.h"

namespace exogpu::model {
namespace {

constexpr std::string_view kCodeFence = "```";
constexpr std::string_view kJsonCodeFence = "```json";

struct Skipped {
  std::string_view rest;
  bool short_of_input = false;  // `rest` may be the beginning of a mark
};

// Removes one mark from the beginning of `text` if one is there.
bool skip_mark(Skipped& at, std::string_view mark) {
  if (mark.empty() || mark.ends_with('=')) return false;  // <function= belongs to the call
  const auto is = begins_with(at.rest, mark);
  if (!is && !at.rest.empty()) at.short_of_input = true;
  if (!is.value_or(false)) return false;
  at.rest.remove_prefix(mark.size());
  return true;
}

bool skip_any_mark(Skipped& at) {
  for (const MarkPair& marks : kCallMarks) {
    if (skip_mark(at, marks.open) || skip_mark(at, marks.close)) return true;
  }
  for (const std::string_view mark : kInnerMarks) {
    if (skip_mark(at, mark)) return true;
  }
  if (skip_mark(at, kJsonCodeFence)) return true;
  return !at.short_of_input && skip_mark(at, kCodeFence);
}

// What separates calls, and the brackets of a list of calls.
bool skip_separator(Skipped& at) {
  if (at.rest.empty() || !std::string_view(" \t\r\n,;[]").contains(at.rest.front())) return false;
  at.rest.remove_prefix(1);
  return true;
}

}  // namespace

CallSection::Outcome CallSection::begin_call(std::string_view& rest, bool ended, PieceWriter& out) {
  Skipped at{.rest = rest};
  while (true) {
    at.short_of_input = false;
    if (calls_ > 0 && skip_mark(at, close_)) {
      rest = at.rest;
      return Outcome::refused;
    }
    if (!context_.bare && skip_any_mark(at)) {
      if (calls_ > 0) rest = at.rest;
      continue;
    }
    const bool closes_list = at.rest.starts_with(']');
    if (skip_separator(at)) {
      if (closes_list && calls_ > 0) rest = at.rest;
      continue;
    }
    if ((at.rest.empty() || at.short_of_input) && !ended) return Outcome::wait;
    break;
  }
  CallHead head = at.rest.empty() ? CallHead{} : find_call(at.rest, ended, context_);
  if (head.kind == CallHead::Kind::wait) return Outcome::wait;
  if (head.kind == CallHead::Kind::none) return Outcome::refused;
  ++calls_;
  out.call(std::move(head.name), std::move(head.id));
  out.arguments(head.arguments);
  arguments_ = std::move(head.reader);
  rest = at.rest.substr(head.bytes);
  return Outcome::done;
}

CallSection::Outcome CallSection::read(std::string_view& rest, bool ended, PieceWriter& out) {
  while (true) {
    if (arguments_) {
      if (!arguments_->read(rest, ended, out)) return Outcome::wait;
      arguments_.reset();
    }
    if (calls_ == calls_max_) return Outcome::done;
    const Outcome outcome = begin_call(rest, ended, out);
    if (outcome == Outcome::wait) return Outcome::wait;
    if (outcome == Outcome::refused) return calls_ > 0 ? Outcome::done : Outcome::refused;
  }
}

}  // namespace exogpu::model
