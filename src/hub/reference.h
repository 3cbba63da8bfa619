// What a person asks `exogpu pull` for.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "hub/url.h"

namespace exogpu::hub {

struct Reference {
  std::string repository;  // "ORG/REPO"; empty for an address
  std::string choice;      // behind the colon: a quantisation or a file; may be empty
  Url url;                 // of a .gguf file, when `repository` is empty
};

// ORG/REPO, ORG/REPO:QUANTISATION, ORG/REPO:FILE.gguf, or an address of a .gguf file.
// Errors: invalid_argument.
Result<Reference> parse_reference(std::string_view text);

// Whether `path` can be the place of a file below a folder of ours: names that are not hidden, not "..", not too long
// for a disk, without control characters. Paths come from the network.
bool is_safe_path(std::string_view path);

}  // namespace exogpu::hub
