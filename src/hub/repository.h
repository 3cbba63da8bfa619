// A hub with Hugging Face's interface: the files of its repositories and their addresses.
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
// Errors: not_found, with similar names of repositories; unauthenticated, permission_denied, unavailable,
// deadline_exceeded, corrupt.
Result<std::vector<RemoteFile>> list_files(HttpClient& client, const Hub& hub, const std::string& repository,
                                           const RetryOptions& retry);

// The address of a file of a repository.
Result<Url> file_url(const Hub& hub, const std::string& repository, const std::string& path);

}  // namespace exogpu::hub
