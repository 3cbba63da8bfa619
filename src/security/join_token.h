// The text that a person copies from a node of the cluster to a newcomer: a secret that admits it, and the cluster's
// id.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/node_id.h"

namespace exogpu::security {

inline constexpr size_t kTokenSecretBytes = 12;

// The cluster id is the hash of the authority's key, so the newcomer can tell the cluster from an impostor before it
// sends the secret.
struct JoinToken {
  std::array<std::byte, kTokenSecretBytes> secret{};
  wire::ClusterId cluster;

  // 48 letters and digits in groups of six.
  std::string text() const;
  // Reads the output of text(), in upper or lower case, with or without hyphens.
  // Errors: invalid_argument, with different messages for an incomplete token and a typo.
  static Result<JoinToken> parse(std::string_view text);
};

}  // namespace exogpu::security
