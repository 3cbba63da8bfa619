// The parts of a request's address.
#pragma once

#include <string>
#include <string_view>

namespace exogpu::api {

// "%20" becomes a space; what is no escape stays.
std::string percent_decoded(std::string_view text);

// The value of `key` in "a=1&b=2", decoded; empty if absent.
std::string query_value(std::string_view query, std::string_view key);

struct Target {
  std::string_view path;   // "/v1/models", or "*"; without a slash at its end
  std::string_view query;  // behind "?"
};

// Of a path, or of an absolute address, as proxies write it: "http://host:8080/v1/models".
Target split_target(std::string_view target);

}  // namespace exogpu::api
