#include "model/answer/call_head.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "model/answer/call_marks.h"

namespace exogpu::model {
namespace {

constexpr std::string_view kFunctionOpen = "<function=";
constexpr std::string_view kInvokeOpen = "<invoke name=\"";
constexpr std::string_view kSeparator = "<｜tool▁sep｜>";
constexpr std::string_view kFence = "```json";

CallHead wait_or_none(bool ended) { return {.kind = ended ? CallHead::Kind::none : CallHead::Kind::wait}; }

// <function=NAME>, then parameters between tags or a JSON object; <invoke name="NAME">, then parameters.
CallHead find_tagged_call(std::string_view text, bool ended, const HeadContext& context) {
  const auto is_function = begins_with(text, kFunctionOpen);
  const auto is_invoke = begins_with(text, kInvokeOpen);
  if (!is_function || !is_invoke) return wait_or_none(ended);
  if (!*is_function && !*is_invoke) return {};
  const std::string_view open = *is_function ? kFunctionOpen : kInvokeOpen;
  const std::string_view close = *is_function ? ">" : "\">";
  const size_t length = name_length(text.substr(open.size()));
  const std::string_view behind_name = text.substr(open.size() + length);
  const auto closed = begins_with(behind_name, close);
  if (!closed && length <= kNameBytesMax) return wait_or_none(ended);
  if (!closed.value_or(false) || length == 0 || length > kNameBytesMax) return {};
  const std::string_view behind = behind_name.substr(close.size());
  const std::string_view next = without_blanks_before(behind);
  if (next.empty() && !ended) return {.kind = CallHead::Kind::wait};
  CallHead head{.kind = CallHead::Kind::call, .name = std::string(text.substr(open.size(), length))};
  const bool json = *is_function && next.starts_with('{');
  head.bytes = text.size() - (json ? next : behind).size();
  if (json) {
    head.reader = read_object({});
  } else {
    head.reader =
        read_parameters(*is_function ? kFunctionTags : kInvokeTags, find_tool(*context.tools, head.name), false);
  }
  return head;
}

// What may stand between a name and its arguments, read step by step.
class NamedHead {
 public:
  NamedHead(std::string_view text, bool ended, const HeadContext& context)
      : text_(text), ended_(ended), context_(&context) {}

  CallHead find() {
    if (!take_name()) return undecided_ ? wait_or_none(ended_) : CallHead{};
    for (const std::string_view mark : {std::string_view("[ARGS]"), std::string_view("<|tool_call_argument_begin|>")}) {
      separated_ = take(mark) || separated_;
    }
    blanks();
    if (take(kFence)) {
      separated_ = true;
      blanks();
    }
    if (undecided_ || (rest().empty() && !ended_)) return wait_or_none(ended_);
    return arguments();
  }

 private:
  std::string_view rest() const { return text_.substr(at_); }
  void blanks() { at_ = text_.size() - without_blanks_before(rest()).size(); }

  // Whether `mark` stands here, behind which it goes on. Where that cannot be told yet, undecided_ is set.
  bool take(std::string_view mark) {
    const auto is = begins_with(rest(), mark);
    if (!is) undecided_ = true;
    if (!is.value_or(false)) return false;
    at_ += mark.size();
    return true;
  }

  std::string_view word() {
    const size_t length = name_length(rest());
    if (at_ + length == text_.size()) undecided_ = true;
    at_ += length;
    return text_.substr(at_ - length, length);
  }

  bool take_name() {
    std::string_view name = word();
    separated_ = take(kSeparator);
    if (separated_ && name == "function") name = word();
    if (undecided_ && !ended_) return false;
    if (take("[CALL_ID]")) id_ = word();
    if (undecided_ && !ended_) return false;
    undecided_ = false;
    name_ = name;
    constexpr std::string_view kNamespace = "functions.";  // functions.NAME:NUMBER is the id of the call, too
    if (name_.starts_with(kNamespace)) {
      id_ = name_;
      name_ = name_.substr(kNamespace.size(), name_.rfind(':') - kNamespace.size());
    }
    return !name_.empty() && name.size() <= kNameBytesMax;
  }

  CallHead arguments() {
    CallHead head{.kind = CallHead::Kind::call, .bytes = at_, .name = name_, .id = id_};
    if (rest().starts_with('{')) {
      // Two words of a text may look the same.
      if (!separated_ && !find_tool(*context_->tools, name_)) return {};
      head.reader = read_object({});
    } else if (rest().starts_with(kArgKeyTags.key_open) || rest().starts_with(kArgKeyTags.end)) {
      head.reader = read_parameters(kArgKeyTags, find_tool(*context_->tools, name_), true);
    } else if (!ended_ && (!begins_with(rest(), kArgKeyTags.key_open) || !begins_with(rest(), kArgKeyTags.end))) {
      return {.kind = CallHead::Kind::wait};
    } else {
      return find_python_call(text_, ended_, *context_);
    }
    return context_->accepts(name_) ? std::move(head) : CallHead{};
  }

  std::string_view text_;
  bool ended_;
  const HeadContext* context_;
  size_t at_ = 0;
  bool undecided_ = false, separated_ = false;
  std::string name_, id_;
};

}  // namespace

size_t name_length(std::string_view text) {
  const auto end = std::ranges::find_if_not(text, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("_.:-/").contains(c);
  });
  return static_cast<size_t>(end - text.begin());
}

CallHead find_named_call(std::string_view text, bool ended, const HeadContext& context) {
  if (name_length(text) > kNameBytesMax) return {};
  return NamedHead(text, ended, context).find();
}

CallHead find_call(std::string_view text, bool ended, const HeadContext& context) {
  if (text.empty()) return wait_or_none(ended);
  if (text.starts_with('{')) return find_json_call(text, ended, context);
  if (text.starts_with('<')) return context.bare ? CallHead{} : find_tagged_call(text, ended, context);
  if (context.bare) return find_python_call(text, ended, context);
  return find_named_call(text, ended, context);
}

}  // namespace exogpu::model
