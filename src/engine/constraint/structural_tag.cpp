#include "engine/constraint/structural_tag.h"

#include <format>
#include <nlohmann/json.hpp>
#include <vector>

#include "engine/constraint/grammar_text.h"
#include "engine/constraint/schema_limits.h"

namespace exogpu::engine {

using json = nlohmann::ordered_json;

namespace {

constexpr size_t kStructuresMax = 256;
constexpr size_t kTriggersMax = 64;
constexpr std::string_view kFields[] = {"type",         "structures",       "triggers",
                                        "at_least_one", "stop_after_first", "separator"};

struct Structure {
  std::string begin, schema, end;
};
struct StructuralTag {
  std::vector<Structure> structures;
  std::vector<std::string> triggers;
  bool at_least_one = false;
  bool stop_after_first = false;
  std::string separator;  // between structures, where there is no free text
};

std::unexpected<Error> refuse(std::string_view why) {
  return fail(ErrorCode::invalid_argument, "the structural tag: {}", why);
}

Result<std::string> text_field(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return std::string();
  if (!found->is_string()) return refuse(std::format("{} must be a string", name));
  return found->get<std::string>();
}

Result<bool> flag(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return false;
  if (!found->is_boolean()) return refuse(std::format("{} must be true or false", name));
  return found->get<bool>();
}

Result<Structure> read_structure(const json& object) {
  if (!object.is_object()) return refuse("each of structures must be an object");
  Structure out;
  EXO_TRY(out.begin, text_field(object, "begin"));
  EXO_TRY(out.end, text_field(object, "end"));
  EXO_TRY(out.schema, schema_text(object.value("schema", json::object()).dump()));
  return out;
}

Result<StructuralTag> read(std::string_view text) {
  EXO_CHECK(
      check_schema_limits(nlohmann::json::parse(text, nullptr, false)));  // an ordered object takes n^2 for n keys
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return refuse("it must be a JSON object");
  for (const auto& [name, value] : object.items()) {
    if (!std::ranges::contains(kFields, name)) return refuse(std::format("\"{}\" is no field of it", name));
  }
  StructuralTag out;
  const json structures = object.value("structures", json());
  if (!structures.is_array() || structures.empty() || structures.size() > kStructuresMax) {
    return refuse(std::format("structures must be an array of 1 to {} objects", kStructuresMax));
  }
  for (const json& item : structures) {
    EXO_TRY(Structure structure, read_structure(item));
    out.structures.push_back(std::move(structure));
  }
  const json triggers = object.value("triggers", json::array());
  if (!triggers.is_array() || triggers.size() > kTriggersMax) {
    return refuse(std::format("triggers must be an array of at most {} texts", kTriggersMax));
  }
  for (const json& item : triggers) {
    if (!item.is_string() || item == json("")) return refuse("each of triggers must be a text");
    out.triggers.push_back(item.get<std::string>());
  }
  EXO_TRY(out.at_least_one, flag(object, "at_least_one"));
  EXO_TRY(out.stop_after_first, flag(object, "stop_after_first"));
  EXO_TRY(out.separator, text_field(object, "separator"));
  return out;
}

// `text` as a sequence of Lark: special tokens by their number, the rest as quoted text. "" where it is empty.
std::string sequence(std::string_view text, const ConstraintVocabulary& vocabulary) {
  std::string out, literal;
  const auto flush = [&] {
    if (!literal.empty()) out += json(literal).dump(-1, ' ', false, json::error_handler_t::replace) + " ";
    literal.clear();
  };
  while (!text.empty()) {
    const auto [token, size] = vocabulary.special_prefix(text);
    if (token >= 0) {
      flush();
      out += std::format("<[{}]> ", token);
    } else {
      literal += text.front();
    }
    text.remove_prefix(token >= 0 ? size : 1);
  }
  flush();
  return out;
}

// `text` for a regular expression between slashes.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\/.+*?()|[]{}^$#&-~").contains(c)) out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else {
      out += c;
    }
  }
  return out;
}

std::string alternatives(const std::vector<std::string>& rules) {
  std::string out;
  for (const std::string& rule : rules) out += (out.empty() ? "" : " | ") + rule;
  return "(" + out + ")";
}

// How often the structures follow each other.
std::string repeated(const StructuralTag& tag, const std::string& one, const std::string& separator) {
  if (tag.stop_after_first) return one + (tag.at_least_one ? "" : "?");
  if (!separator.empty()) return std::format("({0} ({1} {0})*){2}", one, separator, tag.at_least_one ? "" : "?");
  return one + (tag.at_least_one ? "+" : "*");
}

std::string without_free_text(const StructuralTag& tag, const ConstraintVocabulary& vocabulary) {
  std::vector<std::string> names;
  std::string rules;
  for (size_t i = 0; i < tag.structures.size(); ++i) {
    const Structure& structure = tag.structures[i];
    names.push_back(std::format("s{}", i));
    rules += std::format("s{0}: {1}json_{0} {2}\njson_{0}: %json {3}\n", i, sequence(structure.begin, vocabulary),
                         sequence(structure.end, vocabulary), structure.schema);
  }
  return std::format("start: {}\n{}", repeated(tag, alternatives(names), sequence(tag.separator, vocabulary)), rules);
}

// The free text before a structure ends with the first trigger in it. One that is a special token is no text; another
// is the end of the lexeme.
Result<std::string> with_free_text(const StructuralTag& tag, const ConstraintVocabulary& vocabulary) {
  std::vector<std::string> names;
  std::string rules, textual;
  for (size_t t = 0; t < tag.triggers.size(); ++t) {
    const std::string& trigger = tag.triggers[t];
    const bool special = vocabulary.special(trigger) >= 0;
    if (!special) textual += (textual.empty() ? "" : "|") + escaped(trigger);
    rules += special ? std::format("t{}: TEXT <[{}]>\n", t, vocabulary.special(trigger))
                     : std::format("t{}[lazy]: /(?s:.*){}/\n", t, escaped(trigger));
  }
  for (size_t i = 0; i < tag.structures.size(); ++i) {
    const Structure& structure = tag.structures[i];
    const auto trigger =
        std::ranges::find_if(tag.triggers, [&](const std::string& text) { return structure.begin.starts_with(text); });
    if (trigger == tag.triggers.end()) {
      return refuse(std::format("no trigger is the beginning of \"{}\"", structure.begin));
    }
    names.push_back(std::format("s{}", i));
    rules += std::format("s{0}: t{1} {2}json_{0} {3}\njson_{0}: %json {4}\n", i, trigger - tag.triggers.begin(),
                         sequence(std::string_view(structure.begin).substr(trigger->size()), vocabulary),
                         sequence(structure.end, vocabulary), structure.schema);
  }
  rules += textual.empty() ? "TEXT: /(?s:.*)/\n" : std::format("TEXT: /(?s:.*)/ & ~/(?s:.*)({})(?s:.*)/\n", textual);
  const std::string parts = repeated(tag, alternatives(names), "");
  // Where structures may be absent, the text may be free as a whole.
  if (!tag.stop_after_first) return std::format("start: {} TEXT\n{}", parts, rules);
  return std::format("start: {}\n{}", tag.at_least_one ? parts : alternatives(names) + " | TEXT", rules);
}

}  // namespace

Result<std::string> lark_of_structural_tag(std::string_view tag, const ConstraintVocabulary& vocabulary) {
  EXO_TRY(const StructuralTag structural, read(tag));
  if (structural.triggers.empty()) return without_free_text(structural, vocabulary);
  return with_free_text(structural, vocabulary);
}

}  // namespace exogpu::engine
