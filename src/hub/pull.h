// Downloads a model from a hub or an address into the models folder.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "hub/http_client.h"
#include "hub/reference.h"
#include "hub/repository.h"
#include "hub/retries.h"

namespace exogpu::hub {

struct PullOptions {
  std::filesystem::path folder;  // the models folder; created if missing
  Hub hub;
  HttpOptions http;
  RetryOptions retry;
  // Of the file that is being fetched, which is number `index` of `count`; may be empty.
  std::function<void(size_t index, size_t count, Bytes done, Bytes total)> progress;
  // Ends the pull; what has arrived stays for the next one. A checksum that is being computed is completed.
  std::stop_token stop{};
};

struct Pulled {
  std::string name;  // in the models folder
  std::vector<std::filesystem::path> files;
  Bytes bytes = 0;
  bool verified = false;         // every file's SHA-256 is the one that the hub states
  bool already_present = false;  // nothing was fetched
};

// Fetches all files of the model: of ORG/REPO into FOLDER/ORG/REPO, of an address into FOLDER. Checks that each is a
// GGUF file before it gets its name, and that together they are a model.
// Errors: those of list_files(), choose_files(), download() and Gguf::open(); invalid_argument when a token would be
// sent without encryption; cancelled.
Result<Pulled> pull(const Reference& reference, const PullOptions& options);

// The bytes of the files that pull() would fetch, whether they are here or not; 0 for those of an address, which tells
// only once it is fetched. Errors: those of list_files() and choose_files(); invalid_argument as pull() has it.
Result<Bytes> bytes_to_pull(const Reference& reference, const PullOptions& options);

}  // namespace exogpu::hub
