// A hub, as the one of Hugging Face: what is in its repositories, and where.
#pragma once

#include <string>
#include <vector>

#include "hub/http_client.h"
#include "hub/listing.h"
#include "hub/retries.h"

namespace exogpu::hub {

struct Hub {
  Url base;
  std::string token;  // empty: none
};

// The .gguf files of a repository ("ORG/REPO").
// Errors: not_found, with names of repositories that are near; unauthenticated, permission_denied, unavailable,
// deadline_exceeded, corrupt.
Result<std::vector<RemoteFile>> list_files(HttpClient& client, const Hub& hub, const std::string& repository,
                                           const RetryOptions& retry);

// Where a file of it is fetched from.
Result<Url> file_url(const Hub& hub, const std::string& repository, const std::string& path);

}  // namespace exogpu::hub
