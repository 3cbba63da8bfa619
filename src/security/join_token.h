// What a person carries from a node of the cluster to the one that joins: a secret that lets it in, and whom to trust.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/node_id.h"

namespace exogpu::security {

inline constexpr size_t kTokenSecretBytes = 12;

// The cluster id is the hash of the authority's key, so the one who joins can tell the cluster from an impostor before
// it shows the secret.
struct JoinToken {
  std::array<std::byte, kTokenSecretBytes> secret{};
  wire::ClusterId cluster;

  // 48 letters and digits in groups of six.
  std::string text() const;
  // Reads what text() writes, in either case and with or without the hyphens.
  // Errors: invalid_argument, which tells a part of a token from one with a typo.
  static Result<JoinToken> parse(std::string_view text);
};

}  // namespace exogpu::security
