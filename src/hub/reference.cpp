#include "hub/reference.h"

#include <algorithm>

#include "base/utf8.h"
#include "model/model_name.h"

namespace exogpu::hub {
namespace {

constexpr std::string_view kHubPrefixes[] = {"hf:", "hf.co/"};  // as other programs write them
constexpr size_t kPathMax = 1024, kNameMax = 200;               // a disk takes 255; endings come to it

bool is_repository(std::string_view text) {
  return std::ranges::count(text, '/') == 1 && is_safe_path(text) && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  std::string_view("-._/").contains(c);
         });
}

Result<Reference> parse_address(std::string_view text) {
  EXO_TRY(Url url, Url::parse(text));
  const std::string path = url.path();
  const std::string name = path.substr(path.rfind('/') + 1);
  if (model::parse_file_name(name).stem.empty() || !is_safe_path(name)) {
    return fail(ErrorCode::invalid_argument, "{}: is not the address of a .gguf file", printable(text));
  }
  return Reference{.repository = {}, .choice = {}, .url = std::move(url)};
}

}  // namespace

bool is_safe_path(std::string_view path) {
  if (path.empty() || path.size() > kPathMax || !is_utf8(path)) return false;
  if (std::ranges::any_of(path,
                          [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\'; })) {
    return false;
  }
  while (true) {
    const std::string_view name = path.substr(0, path.find('/'));
    if (name.empty() || name.size() > kNameMax || name.starts_with('.')) return false;
    if (name.size() == path.size()) return true;
    path.remove_prefix(name.size() + 1);
  }
}

Result<Reference> parse_reference(std::string_view text) {
  if (text.contains("://")) return parse_address(text);
  std::string_view model = text;
  for (const std::string_view prefix : kHubPrefixes) {
    if (model.starts_with(prefix)) model.remove_prefix(prefix.size());
  }
  const size_t colon = std::min(model.find(':'), model.size());
  const std::string_view repository = model.substr(0, colon);
  const std::string_view choice = model.substr(std::min(colon + 1, model.size()));
  if (!is_repository(repository)) {
    return fail(ErrorCode::invalid_argument,
                "{}: is not a model of a hub; write ORG/REPO, ORG/REPO:Q4_K_M, ORG/REPO:FILE.gguf, or the address of a "
                ".gguf file",
                printable(text));
  }
  if (colon < model.size() && !is_safe_path(choice)) {
    return fail(ErrorCode::invalid_argument, "{}: behind the colon stands a quantisation or a file, such as Q4_K_M",
                printable(text));
  }
  return Reference{.repository = std::string(repository), .choice = std::string(choice), .url = {}};
}

}  // namespace exogpu::hub
