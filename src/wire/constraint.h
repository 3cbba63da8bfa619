// The form that an answer's text must have. It travels with a request to the last stage, which masks the tokens that
// would break it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace exogpu::wire {

inline constexpr size_t kConstraintBytesMax = 256 * 1024;  // of a constraint's text

enum class ConstraintKind : uint8_t {
  json_schema = 0,  // JSON that a schema accepts; {} is any JSON, {"type": "object"} any object
  regex = 1,        // the whole text matches, as if between ^ and $
  lark = 2,         // llguidance's form of Lark
  // Text with JSON between marks, which may be special tokens of the model:
  //   {"structures": [{"begin": TEXT, "schema": SCHEMA, "end": TEXT}], "triggers": [TEXT], "separator": TEXT,
  //    "at_least_one": BOOL, "stop_after_first": BOOL}
  // Free text stands before, between and behind the structures, until a trigger, with which the `begin` of a structure
  // begins. Without triggers there is no free text, and `separator` stands between the structures.
  structural_tag = 3,
  gbnf = 4,  // a grammar as llama.cpp has them; the text derives from `root`
};
inline constexpr auto kConstraintKindLast = ConstraintKind::gbnf;

struct Constraint {
  ConstraintKind kind = ConstraintKind::json_schema;
  std::string text{};  // UTF-8 without a zero byte, at most kConstraintBytesMax
  friend auto operator<=>(const Constraint&, const Constraint&) = default;
};

}  // namespace exogpu::wire
