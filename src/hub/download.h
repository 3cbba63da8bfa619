// One file, from an address onto the disk.
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
  std::optional<Bytes> bytes;  // as the hub lists it; absent: its server is asked
  std::string sha256;          // the same
};

struct DownloadOptions {
  RetryOptions retry;
  std::function<void(Bytes done, Bytes total)> progress;  // may be empty
  // Looks at the whole file before it gets its name. Errors end the download and remove what has come.
  std::function<Result<void>(const std::filesystem::path& part)> check;
};

struct Downloaded {
  Bytes bytes = 0;
  bool verified = false;  // its SHA-256 is the one that the hub states
  bool was_here = false;  // nothing had to be fetched
};

// Fetches `source` into `to`, which is whole or not there. A download that broke off, in this process or an earlier
// one, goes on where it was, if the file is still the same. While another process fetches the same file this one waits.
// Errors: not_found, unauthenticated, permission_denied, unavailable and deadline_exceeded (after all tries);
// corrupt when lengths or checksum are not those that the hub states; resource_exhausted for a full disk; io_error.
Result<Downloaded> download(HttpClient& client, Source source, const std::filesystem::path& to,
                            const DownloadOptions& options);

}  // namespace exogpu::hub
