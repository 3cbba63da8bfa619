#include "hub/listing.h"

#include <nlohmann/json.hpp>

#include "hub/reference.h"
#include "hub/sha256.h"
#include "model/model_name.h"

namespace exogpu::hub {
namespace {

using Json = nlohmann::json;

std::string text_of(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

}  // namespace

Result<std::vector<RemoteFile>> parse_listing(std::string_view json, std::string_view hub) {
  const auto broken = [&] {
    return fail(ErrorCode::corrupt, "{}: its list of files is not as it should be; is this a hub?", hub);
  };
  const Json list = Json::parse(json, nullptr, false);
  if (!list.is_array()) return broken();
  std::vector<RemoteFile> files;
  for (const Json& entry : list) {
    if (!entry.is_object()) return broken();
    RemoteFile file = {.path = text_of(entry, "path"), .bytes = 0, .sha256 = {}};
    if (text_of(entry, "type") != "file" || model::parse_file_name(file.path).stem.empty()) continue;
    if (!is_safe_path(file.path)) continue;
    // "size" is that of the file, also where LFS holds it.
    const auto size = entry.find("size");
    if (size == entry.end() || !size->is_number_unsigned()) return broken();
    file.bytes = size->get<uint64_t>();
    if (const auto lfs = entry.find("lfs"); lfs != entry.end() && lfs->is_object()) {
      std::string oid = text_of(*lfs, "oid");
      if (oid.starts_with("sha256:")) oid.erase(0, 7);
      file.sha256 = as_sha256(oid);
    }
    files.push_back(std::move(file));
  }
  return files;
}

std::string next_page(std::string_view link) {
  while (!link.empty()) {
    const size_t begin = link.find('<'), end = link.find('>');
    if (begin == link.npos || end == link.npos || end < begin) return "";
    const std::string_view address = link.substr(begin + 1, end - begin - 1);
    link.remove_prefix(end + 1);
    const std::string_view parameters = link.substr(0, link.find('<'));
    if (parameters.contains("rel=\"next\"") || parameters.contains("rel=next")) return std::string(address);
  }
  return "";
}

std::vector<std::string> parse_search(std::string_view json) {
  const Json list = Json::parse(json, nullptr, false);
  std::vector<std::string> names;
  if (!list.is_array()) return names;
  for (const Json& entry : list) {
    if (!entry.is_object()) continue;
    if (std::string id = text_of(entry, "id"); is_safe_path(id)) names.push_back(std::move(id));
  }
  return names;
}

}  // namespace exogpu::hub
