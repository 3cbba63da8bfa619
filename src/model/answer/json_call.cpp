#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "model/answer/call_head.h"

namespace exogpu::model {
namespace {

using Json = nlohmann::ordered_json;
using Keys = std::initializer_list<std::string_view>;

constexpr Keys kNameKeys = {"name", "tool_name"};
constexpr Keys kIdKeys = {"id", "tool_call_id", "call_id"};
constexpr Keys kArgumentKeys = {"arguments", "parameters", "args", "input"};
constexpr size_t kFirstBytesMax = 64;  // of what can be the first key of a call

bool is_one_of(std::string_view key, Keys keys) { return std::ranges::contains(keys, key); }

// The texts and positions in an object that has only begun.
struct Beginning {
  JsonProgress progress;
  JsonProgress::State state = JsonProgress::State::open;
  std::string name, id;
  size_t end = 0;          // where the object ends, or what is read so far
  bool arguments = false;  // they begin at `end`; the name is known
  bool alien = false;      // the first key is none of a call
};

std::string text_of(std::string_view literal) {
  const Json value = Json::parse(literal, nullptr, false);
  return value.is_string() ? value.get<std::string>() : std::string();
}

// Reads the members of the object one by one.
class Opening {
 public:
  explicit Opening(std::string_view text) : text_(text) {}

  Beginning read() {
    while (at_.end < text_.size() && !at_.arguments && !at_.alien && at_.state == JsonProgress::State::open) {
      step();
      at_.alien = at_.alien || (key_.empty() && at_.end > kFirstBytesMax);
    }
    return std::move(at_);
  }

 private:
  void step() {
    const char c = text_[at_.end];
    if (at_.progress.depth() == 1 && at_.progress.expects_value() && c == '{' && !at_.name.empty() &&
        is_one_of(key_, kArgumentKeys)) {
      at_.arguments = true;
      return;
    }
    const bool was_string = at_.progress.in_string();
    const size_t depth = at_.progress.depth();
    at_.state = at_.progress.push(c);
    ++at_.end;
    if (depth != 1 || at_.progress.depth() != 1) return;
    if (!was_string && at_.progress.in_string()) begin_ = at_.end - 1;
    if (was_string && !at_.progress.in_string()) take(text_of(text_.substr(begin_, at_.end - begin_)));
    if (c == ',' && !at_.progress.in_string()) is_value_ = false;
  }

  // A key, or a value that is a text.
  void take(std::string text) {
    if (!is_value_) {
      if (key_.empty()) at_.alien = !is_first_key(text);
      key_ = std::move(text);
      is_value_ = true;
    } else if (is_one_of(key_, kNameKeys) || (key_ == "function" && at_.name.empty())) {
      at_.name = std::move(text);
    } else if (is_one_of(key_, kIdKeys)) {
      at_.id = std::move(text);
    }
  }

  static bool is_first_key(std::string_view key) {
    return is_one_of(key, kNameKeys) || is_one_of(key, kIdKeys) || is_one_of(key, kArgumentKeys) || key == "type" ||
           key == "function";
  }

  std::string_view text_;
  Beginning at_;
  std::string key_;
  size_t begin_ = 0;  // of the text that is read
  bool is_value_ = false;
};

// The first member of these names with a value of the type.
const Json* find(const Json& object, Keys keys, Json::value_t type) {
  for (const std::string_view key : keys) {
    const auto found = object.find(key);
    if (found != object.end() && found->type() == type) return &*found;
  }
  return nullptr;
}

// Arguments are an object, or the JSON text of one.
std::string arguments_of(const Json& call) {
  constexpr auto kReplace = Json::error_handler_t::replace;
  if (const Json* object = find(call, kArgumentKeys, Json::value_t::object))
    return object->dump(-1, ' ', false, kReplace);
  if (const Json* text = find(call, kArgumentKeys, Json::value_t::string)) {
    const auto& inside = text->get_ref<const std::string&>();
    return Json::parse(inside, nullptr, false).is_object() ? inside : std::string();
  }
  return {};
}

CallHead whole_call(std::string_view text, const HeadContext& context) {
  Json call = Json::parse(text, nullptr, false);
  if (!call.is_object()) return {};
  CallHead head{.kind = CallHead::Kind::call, .bytes = text.size()};
  if (const Json* id = find(call, kIdKeys, Json::value_t::string)) head.id = id->get<std::string>();
  if (const Json* inner = find(call, {"function"}, Json::value_t::object)) call = Json(*inner);
  const Json* name = find(call, kNameKeys, Json::value_t::string);
  if (!name) name = find(call, {"function"}, Json::value_t::string);
  if (!name || !context.accepts(name->get_ref<const std::string&>())) return {};
  head.name = name->get<std::string>();
  head.arguments = arguments_of(call);
  const bool lacks_arguments = head.arguments.empty();
  if (lacks_arguments && (context.bare || find(call, kArgumentKeys, Json::value_t::array))) return {};
  if (lacks_arguments) head.arguments = "{}";
  return head;
}

}  // namespace

CallHead find_json_call(std::string_view text, bool ended, const HeadContext& context) {
  if (!text.starts_with('{')) return {};
  Beginning opening = Opening(text).read();
  if (opening.alien || opening.state == JsonProgress::State::invalid) return {};
  if (opening.state == JsonProgress::State::complete) return whole_call(text.substr(0, opening.end), context);
  if (!opening.name.empty() && !context.accepts(opening.name)) return {};
  if (opening.name.size() > kNameBytesMax) return {};
  if (!opening.arguments) return {.kind = ended ? CallHead::Kind::none : CallHead::Kind::wait};
  return {.kind = CallHead::Kind::call,
          .bytes = opening.end,
          .name = std::move(opening.name),
          .id = std::move(opening.id),
          .reader = read_object(opening.progress)};
}

}  // namespace exogpu::model
