// The formats `date` and `date-time` of a JSON schema as patterns that match nothing but dates of the calendar.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace exogpu::engine {

// The text of a schema, in which patterns take the place of both formats: those of llguidance match the 29th of
// February of any year, the year 0000, which RFC 3339 allows and few libraries read, and seconds that are added to a
// day. Nothing else of the text changes. It stays as it is where a schema has a pattern beside its format, or has
// values in which "format" is a name. `schema` is what the text says.
std::string with_date_patterns(std::string_view text, const nlohmann::json& schema);

}  // namespace exogpu::engine
