#include "hub/repository.h"

#include <algorithm>
#include <format>
#include <iterator>

#include "base/near_names.h"
#include "hub/redirects.h"

namespace exogpu::hub {
namespace {

constexpr Bytes kPageBytesMax = 32 * MiB;
constexpr int kPagesMax = 100;
constexpr size_t kListingBlock = 64 * KiB;

struct ListingPage {
  std::string text;
  std::string next;  // address of the next page; empty: this is the last
};

Result<Url> address(const Hub& hub, const std::string& target) {
  std::string base = hub.base.text();
  while (base.ends_with('/')) base.pop_back();
  return Url::parse(base + target);
}

// `what` names the request in messages.
std::expected<ListingPage, Failure> fetch_page(HttpClient& client, const Hub& hub, const Url& url,
                                               const std::string& what) {
  const bool own = url.same_origin(hub.base);
  auto followed = follow(client, {.url = url, .token = own ? hub.token : "", .headers = {}});
  if (!followed) return std::unexpected(failure_of(std::move(followed).error()));
  HttpReply& reply = followed->reply;
  if (reply.status() != 200) return std::unexpected(failure_of(reply, what, !hub.token.empty()));
  ListingPage listing = {.text = {}, .next = next_page(reply.header("Link"))};
  std::vector<std::byte> block(kListingBlock);
  while (true) {
    auto n = reply.read(block);
    if (!n) return std::unexpected(failure_of(std::move(n).error()));
    if (*n == 0) return listing;
    listing.text.append(reinterpret_cast<const char*>(block.data()), *n);
    if (listing.text.size() > kPageBytesMax) {
      return std::unexpected(
          Failure{.error = {ErrorCode::corrupt, std::format("{}: answers more than {}; is this a hub?", url.authority(),
                                                            format_bytes(kPageBytesMax))}});
    }
  }
}

Result<ListingPage> fetch_page_with_retries(HttpClient& client, const Hub& hub, const Url& url, const std::string& what,
                                            const RetryOptions& retry) {
  Retries retries(retry);
  while (true) {
    auto listing = fetch_page(client, hub, url, what);
    if (listing) return *std::move(listing);
    EXO_CHECK(retries.wait_after(listing.error()));
  }
}

// "; near it: ORG/REPO", as far as the hub's search finds something.
std::string near_repositories(HttpClient& client, const Hub& hub, const std::string& repository) {
  const std::string name = repository.substr(repository.find('/') + 1);
  const auto url = address(hub, "/api/models?filter=gguf&limit=20&search=" + encode_path(name));
  if (!url) return "";
  const auto listing = fetch_page(client, hub, *url, name);
  if (!listing) return "";
  std::vector<std::string> names = parse_search(listing->text);
  std::vector<std::string> near = near_names(repository, names);
  if (near.empty())
    near.assign(names.begin(), names.begin() + static_cast<ptrdiff_t>(std::min<size_t>(names.size(), 3)));
  return near_words(near);
}

}  // namespace

Result<std::vector<RemoteFile>> list_files(HttpClient& client, const Hub& hub, const std::string& repository,
                                           const RetryOptions& retry) {
  std::vector<RemoteFile> files;
  EXO_TRY(Url url, address(hub, "/api/models/" + encode_path(repository) + "/tree/main?recursive=1"));
  for (int page = 0; page < kPagesMax; ++page) {
    auto listing = fetch_page_with_retries(client, hub, url, repository, retry);
    if (!listing) {
      Error error = std::move(listing).error();
      if (error.code == ErrorCode::not_found || error.code == ErrorCode::unauthenticated) {
        error.message += near_repositories(client, hub, repository);
      }
      return std::unexpected(std::move(error));
    }
    EXO_TRY(std::vector<RemoteFile> listed, parse_listing(listing->text, hub.base.authority()));
    files.insert(files.end(), std::make_move_iterator(listed.begin()), std::make_move_iterator(listed.end()));
    if (listing->next.empty()) return files;
    EXO_TRY(url, url.resolve(listing->next));
  }
  return fail(ErrorCode::corrupt, "{}: its list of files has no end; is this a hub?", hub.base.authority());
}

Result<Url> file_url(const Hub& hub, const std::string& repository, const std::string& path) {
  return address(hub, "/" + encode_path(repository) + "/resolve/main/" + encode_path(path));
}

}  // namespace exogpu::hub
