// Follows a JSON text character by character: whether it can still become valid, and when it is complete.
#pragma once

#include <string>

namespace exogpu::model {

// One JSON object, array or string. Control characters inside strings are accepted, which models write.
class JsonProgress {
 public:
  enum class State { open, complete, invalid };

  // The state after `c`. After `complete` or `invalid` nothing may follow.
  State push(char c);

  // Open objects and arrays: 0 before the text and after its end.
  size_t depth() const { return open_.size(); }
  bool in_string() const { return at_ >= At::string; }  // the next character belongs to a string
  bool expects_value() const { return at_ == At::value; }

 private:
  // What may come next.
  enum class At { value, value_or_end, key, key_or_end, colon, comma_or_end, word, string, escape, hex };

  static constexpr size_t kDepthMax = 256;
  static constexpr size_t kWordBytesMax = 64;

  State begin_value(char c);
  State open(char c);
  State close(char c);
  State push_structure(char c);
  State push_string(char c);
  State end_string();
  State after_value();

  At at_ = At::value;
  std::string open_;  // of '{' and '['
  std::string word_;  // the number or literal so far
  bool in_key_ = false;
  int hex_digits_ = 0;
};

}  // namespace exogpu::model
