#include "engine/constraint/one_of.h"

#include <algorithm>
#include <set>
#include <string>

namespace exogpu::engine {

namespace {

using json = nlohmann::json;

constexpr int kDepthMax = 16;            // of references, alternatives and properties that are followed
constexpr size_t kAlternativesMax = 64;  // of one oneOf: they are compared in pairs

class Comparison {
 public:
  explicit Comparison(const json& root) : root_(root) {}

  bool all_disjoint(const json& schema, int depth = 0) const {
    if (depth > 2 * kDepthMax) return false;
    if (schema.is_object()) {
      const auto found = schema.find("oneOf");
      if (found != schema.end() && found->is_array() && !pairs_disjoint(*found)) return false;
    }
    return !schema.is_structured() ||
           std::ranges::all_of(schema, [&](const json& part) { return all_disjoint(part, depth + 1); });
  }

 private:
  bool pairs_disjoint(const json& alternatives) const {
    if (alternatives.size() > kAlternativesMax) return false;
    for (size_t i = 0; i < alternatives.size(); ++i) {
      for (size_t k = 0; k < i; ++k) {
        if (!disjoint(alternatives[i], alternatives[k], 0)) return false;
      }
    }
    return true;
  }

  // Null: a reference that leads nowhere, or in a circle.
  const json* resolved(const json& schema) const {
    const json* at = &schema;
    for (int i = 0; i < kDepthMax; ++i) {
      if (!at->is_object()) return nullptr;
      const auto reference = at->find("$ref");
      if (reference == at->end()) return at;
      if (!reference->is_string() || !reference->get_ref<const std::string&>().starts_with("#/")) return nullptr;
      const auto path = json::json_pointer(reference->get_ref<const std::string&>().substr(1));
      if (!root_.contains(path)) return nullptr;
      at = &root_.at(path);
    }
    return nullptr;
  }

  static const json* options_of(const json& schema) {
    for (const char* name : {"anyOf", "oneOf"}) {
      const auto found = schema.find(name);
      if (found != schema.end() && found->is_array()) return &*found;
    }
    return nullptr;
  }

  // The values that alone match, empty: others do, too.
  static json values_of(const json& schema) {
    if (const auto found = schema.find("const"); found != schema.end()) return json::array({*found});
    const auto found = schema.find("enum");
    return found != schema.end() && found->is_array() ? *found : json::array();
  }

  static std::string type_of(const json& value) {
    if (value.is_number()) return "number";
    return value.type_name();
  }

  // Empty: any.
  static std::set<std::string> types_of(const json& schema) {
    std::set<std::string> types;
    const auto add = [&](const json& name) {
      if (name.is_string()) types.insert(name == "integer" ? "number" : name.get<std::string>());
    };
    const json values = values_of(schema);
    for (const json& value : values) types.insert(type_of(value));
    if (!types.empty()) return types;
    const auto found = schema.find("type");
    if (found == schema.end()) return types;
    if (found->is_array()) {
      for (const json& name : *found) add(name);
    } else {
      add(*found);
    }
    return types;
  }

  static bool have_none_in_common(const json& a, const json& b) {
    return !a.empty() && !b.empty() &&
           std::ranges::none_of(a, [&](const json& value) { return std::ranges::contains(b, value); });
  }

  // Whether a property that `a` requires can have no value that both allow.
  bool property_differs(const json& a, const json& b, int depth) const {
    const auto required = a.find("required");
    if (required == a.end() || !required->is_array()) return false;
    return std::ranges::any_of(*required, [&](const json& name) {
      if (!name.is_string()) return false;
      const json* mine = property(a, name);
      const json* theirs = property(b, name);
      return mine != nullptr && theirs != nullptr && disjoint(*mine, *theirs, depth + 1);
    });
  }

  static const json* property(const json& schema, const json& name) {
    const auto all = schema.find("properties");
    if (all == schema.end() || !all->is_object()) return nullptr;
    const auto found = all->find(name.get_ref<const std::string&>());
    return found == all->end() ? nullptr : &*found;
  }

  bool disjoint(const json& first, const json& second, int depth) const {
    const json* a = resolved(first);
    const json* b = resolved(second);
    if (a == nullptr || b == nullptr || depth > kDepthMax) return false;
    const auto apart_from = [&](const json* other) {
      return [this, other, depth](const json& option) { return disjoint(option, *other, depth + 1); };
    };
    if (const json* options = options_of(*a)) return std::ranges::all_of(*options, apart_from(b));
    if (const json* options = options_of(*b)) return std::ranges::all_of(*options, apart_from(a));
    if (have_none_in_common(values_of(*a), values_of(*b))) return true;
    const std::set<std::string> types = types_of(*a), others = types_of(*b);
    if (types.empty() || others.empty()) return false;
    if (std::ranges::none_of(types, [&](const std::string& type) { return others.contains(type); })) return true;
    const std::set<std::string> object = {"object"};
    return types == object && others == object && (property_differs(*a, *b, depth) || property_differs(*b, *a, depth));
  }

  const json& root_;
};

}  // namespace

bool alternatives_are_disjoint(const json& schema) { return Comparison(schema).all_disjoint(schema); }

}  // namespace exogpu::engine
