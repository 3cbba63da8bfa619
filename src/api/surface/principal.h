// Who sends a request.
#pragma once

#include <optional>
#include <string_view>

#include "api/json/api_error.h"
#include "wire/access_key.h"

namespace exogpu::api {

// Without a record that one may do everything: a program of this machine, or one with the server's own key.
struct Principal {
  std::optional<wire::AccessKey> key{};
  bool authenticated = false;  // sent a key that is valid

  bool may(wire::Scope scope) const { return !key || key->scopes.allow(scope); }
  bool may_use(std::string_view model) const;
};

// Whether a name fits a pattern in which * stands for any characters.
bool fits(std::string_view pattern, std::string_view name);

// Errors: 403, the key names other models.
Parsed<void> check_model(const Principal& principal, std::string_view model);

}  // namespace exogpu::api
