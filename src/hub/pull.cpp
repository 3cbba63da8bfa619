#include "hub/pull.h"

#include <algorithm>
#include <system_error>

#include "hub/choose.h"
#include "hub/download.h"
#include "model/gguf.h"
#include "model/gguf_part.h"
#include "model/mapped_file.h"
#include "model/model_name.h"

namespace exogpu::hub {
namespace {

namespace fs = std::filesystem;

struct Item {
  Source source;
  fs::path to;
};

Result<std::vector<Item>> items_of_repository(HttpClient& client, const std::string& repository,
                                              const std::string& choice, const PullOptions& options) {
  EXO_TRY(const std::vector<RemoteFile> listed, list_files(client, options.hub, repository, options.retry));
  EXO_TRY(const std::vector<RemoteFile> chosen, choose_files(listed, repository, choice));
  std::vector<Item> items;
  for (const RemoteFile& file : chosen) {
    EXO_TRY(Url url, file_url(options.hub, repository, file.path));
    items.push_back(
        {.source = {.url = std::move(url), .token = options.hub.token, .bytes = file.bytes, .sha256 = file.sha256},
         .to = options.folder / repository / file.path});
  }
  return items;
}

// All parts of a split model whose one part is at `url`: their addresses differ in the file name only.
Result<std::vector<Item>> items_of_address(const Url& url, const PullOptions& options) {
  const std::string path = url.path();
  const std::string name = path.substr(path.rfind('/') + 1);
  const model::FileName parsed = model::parse_file_name(name);
  const std::string& token = url.same_origin(options.hub.base) ? options.hub.token : "";
  std::vector<Item> items;
  for (uint32_t i = 0; i < parsed.parts; ++i) {
    Url part = url;
    std::string part_name = name;
    if (parsed.parts > 1) {
      part_name = model::file_name(parsed.stem, i, parsed.parts);
      const size_t query = std::min(url.target.find('?'), url.target.size());
      const size_t slash = url.target.rfind('/', query);
      part.target = url.target.substr(0, slash + 1) + encode_path(part_name) + url.target.substr(query);
    }
    items.push_back({.source = {.url = std::move(part), .token = token, .bytes = {}, .sha256 = {}},
                     .to = options.folder / part_name});
  }
  return items;
}

Result<void> check_space(const std::vector<Item>& items, const fs::path& folder) {
  Bytes needed = 0;
  for (const Item& item : items) {
    const Bytes all = item.source.bytes.value_or(0);
    Bytes present = 0;
    for (const fs::path& path : {item.to, fs::path(item.to.string() + ".part")}) {
      std::error_code none;
      const auto size = fs::file_size(path, none);
      if (!none) present = std::max<Bytes>(present, size);
    }
    needed += all - std::min(present, all);
    if (needed < all - std::min(present, all)) needed = ~Bytes{0};  // sizes come from the network
  }
  std::error_code error;
  fs::create_directories(folder, error);
  const fs::space_info space = fs::space(folder, error);
  if (error || space.available >= needed) return {};
  return fail(ErrorCode::resource_exhausted,
              "{}: {} are needed on this disk and {} are free; free some, or name another folder with --models",
              folder.string(), format_bytes(needed), format_bytes(space.available));
}

Result<std::vector<Item>> items_of(HttpClient& client, const Reference& reference, const PullOptions& options) {
  const Url& origin = reference.repository.empty() ? reference.url : options.hub.base;
  if (!options.hub.token.empty() && origin.same_origin(options.hub.base) && !origin.secure && !origin.is_loopback()) {
    return fail(ErrorCode::invalid_argument,
                "{}: the token would travel unencrypted; use an https address, or unset HF_TOKEN", origin.text());
  }
  if (reference.repository.empty()) return items_of_address(reference.url, options);
  return items_of_repository(client, reference.repository, reference.choice, options);
}

Result<void> check_gguf(const fs::path& part, const std::string& name) {
  EXO_TRY(const model::MappedFile file, model::MappedFile::open(part));
  auto parsed = model::parse_gguf_part(file.bytes(), name);
  if (!parsed) return std::unexpected(std::move(parsed).error());
  return file.check();
}

}  // namespace

Result<Pulled> pull(const Reference& reference, const PullOptions& given) {
  PullOptions options = given;
  options.http.stop = options.retry.stop = given.stop;
  EXO_TRY(HttpClient client, HttpClient::make(options.http));
  EXO_TRY(const std::vector<Item> items, items_of(client, reference, options));
  EXO_CHECK(check_space(items, options.folder));

  Pulled pulled = {.name = {}, .files = {}, .bytes = 0, .verified = true, .already_present = true};
  pulled.name = model::parse_file_name(items[0].to.lexically_relative(options.folder).generic_string()).stem;
  for (size_t i = 0; i < items.size(); ++i) {
    const DownloadOptions file_options = {
        .retry = options.retry,
        .progress =
            [&](Bytes done, Bytes total) {
              if (options.progress) options.progress(i, items.size(), done, total);
            },
        .check = [&](const fs::path& part) { return check_gguf(part, items[i].source.url.text()); }};
    EXO_TRY(const Downloaded done, download(client, items[i].source, items[i].to, file_options));
    pulled.files.push_back(items[i].to);
    pulled.bytes += done.bytes;
    pulled.verified = pulled.verified && done.verified;
    pulled.already_present = pulled.already_present && done.already_present;
  }
  EXO_TRY(const model::Gguf whole, model::Gguf::open(pulled.files[0]));
  return pulled;
}

Result<Bytes> bytes_to_pull(const Reference& reference, const PullOptions& given) {
  PullOptions options = given;
  options.http.stop = options.retry.stop = given.stop;
  EXO_TRY(HttpClient client, HttpClient::make(options.http));
  EXO_TRY(const std::vector<Item> items, items_of(client, reference, options));
  Bytes sum = 0;
  for (const Item& item : items) {
    const Bytes bytes = item.source.bytes.value_or(0);
    sum += std::min(bytes, ~Bytes{0} - sum);  // sizes come from the network
  }
  return sum;
}

}  // namespace exogpu::hub
