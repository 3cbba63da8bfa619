// Downloads one file.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "hub/http_client.h"
#include "hub/retries.h"

namespace exogpu::hub {

struct Source {
  Url url;
  std::string token;           // sent to the host of `url` alone; empty: none
  std::optional<Bytes> bytes;  // as the hub lists it; absent: its server reports it
  std::string sha256;          // likewise
};

struct DownloadOptions {
  RetryOptions retry;
  std::function<void(Bytes done, Bytes total)> progress;  // may be empty
  // Checks the complete file before it gets its name. Its errors end the download and remove the file.
  std::function<Result<void>(const std::filesystem::path& part)> check;
};

struct Downloaded {
  Bytes bytes = 0;
  bool verified = false;         // its SHA-256 is the one that the hub states
  bool already_present = false;  // nothing was fetched
};

// Fetches `source` into `to`, which then is complete or absent. An interrupted download, of this process or an earlier
// one, resumes if the file is still the same. While another process fetches the same file, this call waits.
// Errors: not_found, unauthenticated, permission_denied, unavailable and deadline_exceeded (after all tries);
// corrupt when lengths or checksum are not those that the hub states; resource_exhausted for a full disk; io_error.
Result<Downloaded> download(HttpClient& client, Source source, const std::filesystem::path& to,
                            const DownloadOptions& options);

}  // namespace exogpu::hub
