#include "api/json/json_body.h"

#include <cmath>
#include <vector>

#include "base/units.h"

namespace exogpu::api {

using json = nlohmann::ordered_json;

namespace {

ApiError not_json(std::string why) {
  return {.message = "the body is not the JSON of a request: " + std::move(why), .code = "json_invalid"};
}

// Reads through the text once and builds nothing.
class Inspector : public nlohmann::json_sax<json> {
 public:
  explicit Inspector(const JsonLimits& limits) : limits_(limits) {}

  ApiError error;

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool key(string_t&) override {
    comparisons_ += keys_.back()++;
    if (comparisons_ <= limits_.key_comparisons_max) return true;
    error = not_json("its objects have too many keys");
    error.status = 413;
    return false;
  }
  bool start_object(size_t) override { return open(); }
  bool start_array(size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& failure) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 9: ...; last read: '...'": the last part can be
    // as long as the body.
    std::string_view text = failure.what();
    if (const size_t tag = text.find("] "); tag != text.npos) text.remove_prefix(tag + 2);
    text = text.substr(0, text.find("; last read"));
    error = not_json(std::string(text.substr(0, 200)));
    return false;
  }

 private:
  bool value() {
    if (++values_ <= limits_.values_max) return true;
    error = not_json(std::format("it has more than {} values", format_count(limits_.values_max)));
    error.status = 413;
    return false;
  }
  bool open() {
    keys_.push_back(0);
    if (keys_.size() <= limits_.depth_max) return value();
    error = not_json(std::format("it is nested deeper than {} levels", limits_.depth_max));
    return false;
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  JsonLimits limits_;
  uint32_t values_ = 0;
  uint64_t comparisons_ = 0;
  std::vector<uint32_t> keys_;  // so far, of each open object and array
};

}  // namespace

Parsed<json> parse_object(std::string_view text, const JsonLimits& limits) {
  if (text.find_first_not_of(" \t\r\n") == text.npos) return std::unexpected(not_json("it is empty"));
  Inspector inspector(limits);
  if (!json::sax_parse(text.begin(), text.end(), &inspector)) return std::unexpected(std::move(inspector.error));
  json value = json::parse(text.begin(), text.end(), nullptr, false);
  if (!value.is_object()) {
    return std::unexpected(not_json(std::format("it must be an object, and is {}", kind(value))));
  }
  return value;
}

std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string_view kind(const json& value) {
  switch (value.type()) {
    case json::value_t::null: return "null";
    case json::value_t::object: return "an object";
    case json::value_t::array: return "an array";
    case json::value_t::string: return "a string";
    case json::value_t::boolean: return "a boolean";
    case json::value_t::number_integer:
    case json::value_t::number_unsigned: return "an integer";
    case json::value_t::number_float: return "a number";
    default: return "something else";
  }
}

const json* Fields::find(const char* name) const {
  auto found = object_->find(name);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

Parsed<std::optional<bool>> Fields::boolean(const char* field) const {
  const json* value = find(field);
  if (!value) return std::nullopt;
  if (!value->is_boolean()) return bad_field(name(field), "invalid_type", "must be a boolean, and is {}", kind(*value));
  return value->get<bool>();
}

Parsed<std::optional<double>> Fields::number(const char* field, double min, double max) const {
  const json* value = find(field);
  if (!value) return std::nullopt;
  if (!value->is_number()) return bad_field(name(field), "invalid_type", "must be a number, and is {}", kind(*value));
  const double number = value->get<double>();
  if (!(number >= min && number <= max)) {
    return bad_field(name(field), "invalid_value", "must be from {} to {}, and is {}", min, max, number);
  }
  return number;
}

Parsed<std::optional<int64_t>> Fields::integer(const char* field, int64_t min, int64_t max) const {
  const json* value = find(field);
  if (!value) return std::nullopt;
  const auto out_of_range = [&] {
    return bad_field(name(field), "invalid_value", "must be from {} to {}, and is {}", min, max, value->dump());
  };
  int64_t number = 0;
  if (value->is_number_unsigned()) {
    const auto wide = value->get<uint64_t>();
    if (wide > static_cast<uint64_t>(INT64_MAX)) return out_of_range();
    number = static_cast<int64_t>(wide);
  } else if (value->is_number_integer()) {
    number = value->get<int64_t>();
  } else if (value->is_number_float()) {
    const double real = value->get<double>();
    if (!(std::abs(real) <= 9e15)) return out_of_range();
    if (real != std::floor(real)) return bad_field(name(field), "invalid_type", "must be an integer, and is {}", real);
    number = static_cast<int64_t>(real);
  } else {
    return bad_field(name(field), "invalid_type", "must be an integer, and is {}", kind(*value));
  }
  if (number < min || number > max) return out_of_range();
  return number;
}

Parsed<std::optional<std::string>> Fields::text(const char* field) const {
  const json* value = find(field);
  if (!value) return std::nullopt;
  if (!value->is_string()) return bad_field(name(field), "invalid_type", "must be a string, and is {}", kind(*value));
  return value->get<std::string>();
}

}  // namespace exogpu::api
