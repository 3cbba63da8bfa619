// Who sends a request.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/json/api_error.h"
#include "node/cluster_snapshot.h"
#include "wire/access_key.h"

namespace exogpu::api {

// Without a record that one may do everything: a program of this machine, or one with the server's own key.
struct Principal {
  std::optional<wire::AccessKey> key{};
  bool authenticated = false;  // sent a key that is valid

  bool may(wire::Scope scope) const { return !key || key->scopes.allow(scope); }
  bool may_use(std::string_view model) const;
  // "desk/cuda0".
  bool may_use_device(std::string_view device) const;
};

// Whether a name fits a pattern in which * stands for any characters.
bool fits(std::string_view pattern, std::string_view name);

// Errors: 403, the key names other models.
Parsed<void> check_model(const Principal& principal, std::string_view model);

// Whether all stages of the model, which is named as the cluster names it, are on devices of the key. A plan that is
// made later does not concern an answer that has begun. Errors: 403, also where the model is not loaded: that would
// load it on any devices.
Parsed<void> check_devices(const Principal& principal, std::string_view model, const node::ClusterSnapshot& cluster);

// The devices of the cluster that the key may not use, as --without names them.
std::vector<std::string> forbidden_devices(const Principal& principal, const node::ClusterSnapshot& cluster);

}  // namespace exogpu::api
