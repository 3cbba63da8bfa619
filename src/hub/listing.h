// Parses what a hub returns about repositories.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace exogpu::hub {

struct RemoteFile {
  std::string path;  // in the repository
  Bytes bytes = 0;
  std::string sha256;  // hexadecimal; empty when the listing has none
};

// The .gguf files of one page of the answer to GET /api/models/ORG/REPO/tree/main?recursive=1: an array of
//   {"type": "file", "path": "x.gguf", "size": 123, "lfs": {"oid": "<SHA-256>", "size": 123}}
// Skips files without is_safe_path().
// Errors: corrupt, which names `hub`.
Result<std::vector<RemoteFile>> parse_listing(std::string_view json, std::string_view hub);

// The address behind `rel="next"` of a Link header; empty when there is none.
std::string next_page(std::string_view link_header);

// The names of an array of {"id": "ORG/REPO"}, the result of a search for models; none if the JSON is anything else.
std::vector<std::string> parse_search(std::string_view json);

}  // namespace exogpu::hub
