// The argument of `exogpu pull`.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "hub/url.h"

namespace exogpu::hub {

struct Reference {
  std::string repository;  // "ORG/REPO"; empty for an address
  std::string choice;      // after the colon: a quantisation or a file; may be empty
  Url url;                 // of a .gguf file, when `repository` is empty
};

// ORG/REPO, ORG/REPO:QUANTISATION, ORG/REPO:FILE.gguf, each also behind "hf:" or "hf.co/", or an address of a .gguf
// file.
// Errors: invalid_argument.
Result<Reference> parse_reference(std::string_view text);

// Whether a file of this path, which comes from the network, may be stored below the models folder: no name is hidden,
// "..", too long for a file system, or contains control characters.
bool is_safe_path(std::string_view path);

}  // namespace exogpu::hub
