#include "model/jinja/variables.h"

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

namespace exogpu::model::jinja {
namespace {

using Json = nlohmann::json;

// All integers up to this one are exact as a double.
constexpr int64_t safe_integer_max = (int64_t{1} << 53) - 1;

enum class Shape { array, object, messages };

// Writes the encoding while parsing, without building a tree, so depth and counts cost no memory beyond the text.
class Encoder : public nlohmann::json_sax<Json> {
 public:
  Encoder(Shape shape, const Protect* protect, bool by_assistant = false)
      : shape_(shape), protect_(protect), by_assistant_(by_assistant) {}

  std::string out;
  std::string problem;

  bool null() override { return put("null"); }
  bool boolean(bool value) override { return put(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override {
    return value < -safe_integer_max ? put(std::format("[\"i\",\"{}\"]", value)) : put(std::to_string(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return value > uint64_t{safe_integer_max} ? put(std::format("[\"i\",\"{}\"]", value)) : put(std::to_string(value));
  }
  bool number_float(number_float_t, const string_t& digits) override { return put("[\"f\"," + digits + "]"); }
  bool string(string_t& text) override {
    if (is_message_role()) {
      has_role_ = true;
      by_assistant_ = text == "assistant";
    }
    const std::string shown = encode_string(protected_text(text));
    if (!is_tool_arguments()) return put(shown);
    Encoder arguments(Shape::object, protect_, by_assistant_);
    if (!Json::sax_parse(text, &arguments)) return put(shown);
    return put("[\"t\"," + shown + "," + arguments.out + "]");
  }
  bool binary(binary_t&) override { return false; }

  bool start_object(size_t) override {
    if (depth() == 1) has_role_ = by_assistant_ = false;
    return enter('o');
  }
  bool key(string_t& name) override {
    put(encode_string(protected_text(name)));
    open_.back().key = name;
    return true;
  }
  bool end_object() override {
    leave();
    if (shape_ != Shape::messages || depth() != 1) return true;
    if (!has_role_) return stop(std::format("message {} has no \"role\"", open_.front().count));
    return true;
  }
  bool start_array(size_t) override { return enter('a'); }
  bool end_array() override {
    leave();
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::json::exception& error) override {
    return stop(error.what());
  }

 private:
  struct Open {
    char kind;  // 'o' or 'a'
    std::string key;
    size_t count = 0;  // values so far
  };

  size_t depth() const { return open_.size(); }
  std::string protected_text(const std::string& text) const {
    return protect_ != nullptr && *protect_ ? (*protect_)(text, by_assistant_) : text;
  }

  bool stop(std::string why) {
    problem = std::move(why);
    return false;
  }

  bool put(std::string_view encoded) {
    if (!check_position(' ')) return false;
    if (!open_.empty()) out += ',';
    out += encoded;
    return true;
  }

  bool enter(char kind) {
    if (!check_position(kind)) return false;
    if (depth() == json_depth_max) return stop(std::format("it is nested more than {} deep", json_depth_max));
    if (!open_.empty()) out += ',';
    out += std::format("[\"{}\"", kind);
    open_.push_back({kind, {}, 0});
    return true;
  }

  void leave() {
    open_.pop_back();
    out += ']';
  }

  // Called when a value of `kind` begins: 'o', 'a' or another.
  bool check_position(char kind) {
    if (open_.empty() && kind != (shape_ == Shape::object ? 'o' : 'a')) {
      return stop(shape_ == Shape::object ? "it must be a JSON object" : "it must be a JSON array");
    }
    if (depth() == 1) {
      ++open_.front().count;
      if (shape_ == Shape::messages && kind != 'o') {
        return stop(std::format("message {} is not an object", open_.front().count));
      }
    }
    return true;
  }

  bool is_message_role() const { return shape_ == Shape::messages && depth() == 2 && open_.back().key == "role"; }

  // messages[…].tool_calls[…].function.arguments
  bool is_tool_arguments() const {
    return shape_ == Shape::messages && depth() == 5 && open_[1].key == "tool_calls" && open_[2].kind == 'a' &&
           open_[3].key == "function" && open_[4].key == "arguments" && open_[4].kind == 'o';
  }

  Shape shape_;
  std::vector<Open> open_;
  const Protect* protect_;  // null: none
  bool by_assistant_;       // the message is the assistant's
  bool has_role_ = false;
};

Result<std::string> encode(std::string_view what, std::string_view json, Shape shape, const Protect* protect) {
  Encoder encoder(shape, protect);
  if (!Json::sax_parse(json, &encoder)) {
    return fail(ErrorCode::invalid_argument, "cannot use the {}: {}", what, encoder.problem);
  }
  return std::move(encoder.out);
}

}  // namespace

std::string encode_string(std::string_view text) {
  return Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::string> encode_messages(std::string_view json, const Protect& protect) {
  return encode("messages", json, Shape::messages, &protect);
}

Result<std::string> encode_array(std::string_view what, std::string_view json, const Protect& protect) {
  return encode(what, json, Shape::array, &protect);
}

Result<std::string> encode_members(std::string_view what, std::string_view json) {
  EXO_TRY(const std::string object, encode(what, json, Shape::object, nullptr));
  constexpr size_t open_length = std::string_view("[\"o\"").size();
  return object.substr(open_length, object.size() - open_length - 1);
}

}  // namespace exogpu::model::jinja
