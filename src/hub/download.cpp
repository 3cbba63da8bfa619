#include "hub/download.h"

#include <algorithm>
#include <format>
#include <vector>

#include "hub/content_range.h"
#include "hub/part_file.h"
#include "hub/redirects.h"

namespace exogpu::hub {
namespace {

namespace fs = std::filesystem;
template <typename T>
using Attempt = std::expected<T, Failure>;

constexpr size_t kReceiveBlock = 256 * KiB;

std::unexpected<Failure> permanent(ErrorCode code, std::string message) {
  return std::unexpected(Failure{.error = {code, std::move(message)}});
}

// Only a strong validator guarantees equal bytes (RFC 9110, section 8.8.1).
std::string strong_etag(const HttpReply& reply) {
  std::string etag = reply.header("ETag");
  return etag.size() > 2 && etag.starts_with('"') && etag.size() < 1024 ? etag : "";
}

class Download {
 public:
  Download(HttpClient& client, Source source, const fs::path& to, const DownloadOptions& options)
      : client_(client),
        source_(std::move(source)),
        to_(to),
        options_(options),
        size_listed_(source_.bytes.has_value()) {}

  Result<Downloaded> run();

 private:
  using Reply = Followed;

  std::string name() const { return source_.url.text(); }
  void progress(Bytes done) const {
    if (options_.progress) options_.progress(done, source_.bytes.value_or(done));
  }

  // Sends a request. A reply with any status but 200, 206 and 416 is a failure.
  Attempt<Reply> send(std::vector<std::pair<std::string, std::string>> headers) {
    auto reply = follow(client_, {.url = source_.url, .token = source_.token, .headers = std::move(headers)});
    if (!reply) return std::unexpected(failure_of(std::move(reply).error()));
    const unsigned status = reply->reply.status();
    if (status != 200 && status != 206 && status != 416) {
      return std::unexpected(failure_of(reply->reply, name(), !source_.token.empty()));
    }
    if (const std::string coding = reply->reply.header("Content-Encoding"); !coding.empty() && coding != "identity") {
      return permanent(ErrorCode::corrupt,
                       std::format("{}: comes encoded as {}, which was not requested", name(), coding));
    }
    return *std::move(reply);
  }

  Attempt<void> query_size();
  Result<bool> is_complete() const;
  bool can_resume(const PartFile& part) const;
  Bytes missing(const PartFile& part) const {
    const Bytes total = source_.bytes.value_or(0);
    return total - std::min(part.size(), total);
  }
  Result<void> check_space(Bytes needed) const;
  Attempt<void> restart(PartFile& part, const Reply& reply, std::optional<Bytes> total);
  Attempt<void> fetch_missing(PartFile& part);
  Attempt<void> receive_body(PartFile& part, HttpReply& reply);
  Result<void> fetch_all(PartFile& part);
  Result<bool> verify(PartFile& part);

  HttpClient& client_;
  Source source_;
  const fs::path& to_;
  const DownloadOptions& options_;
  bool size_listed_;      // the hub listed the length; otherwise only the file's server reported it
  bool resumed_ = false;  // an earlier request than the last received part of the file
};

// Requests one byte to learn the length and the checksum of the file.
Attempt<void> Download::query_size() {
  auto response = send({{"Range", "bytes=0-0"}});
  if (!response) return std::unexpected(std::move(response).error());
  if (response->reply.status() == 206) {
    if (const auto range = parse_content_range(response->reply.header("Content-Range"))) source_.bytes = range->total;
  } else if (response->reply.status() == 200) {
    source_.bytes = response->reply.content_length();
  }
  if (const auto size = parse_bytes(response->linked_size)) source_.bytes = size;
  if (source_.sha256.empty()) source_.sha256 = response->linked_sha256;
  return {};
}

// Whether the file is already at its destination.
Result<bool> Download::is_complete() const {
  std::error_code error;
  if (!source_.bytes || !fs::is_regular_file(to_, error) || fs::file_size(to_, error) != *source_.bytes) return false;
  if (source_.sha256.empty()) return true;
  EXO_TRY(const std::string hash, sha256_of(to_, [this](Bytes done) { progress(done); }));
  return hash == source_.sha256;
}

// Whether the bytes of an earlier download are the beginning of this file.
bool Download::can_resume(const PartFile& part) const {
  if (part.size() == 0 || !part.facts()) return false;
  const PartFacts& facts = *part.facts();
  if (source_.bytes && ((facts.bytes && *facts.bytes != *source_.bytes) || part.size() > *source_.bytes)) return false;
  if (!source_.sha256.empty() && !facts.sha256.empty()) return facts.sha256 == source_.sha256;
  return facts.url == name() && !facts.validator.empty();
}

Result<void> Download::check_space(Bytes needed) const {
  std::error_code error;
  const fs::space_info space = fs::space(to_.parent_path(), error);
  if (error || space.available >= needed) return {};
  return fail(
      ErrorCode::resource_exhausted,
      "{}: {} more are needed on this disk and {} are free; free fetch_missing, or name another folder with --models",
      to_.string(), format_bytes(needed), format_bytes(space.available));
}

// Discards what is there and stores this reply's facts about the file.
Attempt<void> Download::restart(PartFile& part, const Reply& reply, std::optional<Bytes> total) {
  if (!size_listed_) source_.bytes = total;
  resumed_ = false;
  if (auto space = check_space(missing(part)); !space) return std::unexpected(Failure{space.error()});
  auto restarted = part.begin(
      {.url = name(), .validator = strong_etag(reply.reply), .sha256 = source_.sha256, .bytes = source_.bytes});
  if (!restarted) return std::unexpected(Failure{std::move(restarted).error()});
  return {};
}

Attempt<void> Download::receive_body(PartFile& part, HttpReply& reply) {
  std::vector<std::byte> block(kReceiveBlock);
  while (true) {
    auto n = reply.read(block);
    if (!n) return std::unexpected(failure_of(std::move(n).error()));
    if (*n == 0) return {};
    if (source_.bytes && part.size() + *n > *source_.bytes) {
      return permanent(ErrorCode::corrupt,
                       std::format("{}: more data arrives than the expected {} bytes; try again later", name(),
                                   format_count(*source_.bytes)));
    }
    if (auto added = part.append(std::span(block).first(*n)); !added) return std::unexpected(Failure{added.error()});
    progress(part.size());
  }
}

// Sends one request for the missing bytes.
Attempt<void> Download::fetch_missing(PartFile& part) {
  const Bytes from = part.size();
  std::vector<std::pair<std::string, std::string>> headers;
  if (from > 0) {
    headers.emplace_back("Range", std::format("bytes={}-", from));
    if (!part.facts()->validator.empty() && part.facts()->url == name()) {
      headers.emplace_back("If-Range", part.facts()->validator);
    }
  }
  auto response = send(std::move(headers));
  if (!response) return std::unexpected(std::move(response).error());
  HttpReply& reply = response->reply;
  if (!response->linked_sha256.empty() && !source_.sha256.empty() && response->linked_sha256 != source_.sha256) {
    return permanent(ErrorCode::unavailable,
                     std::format("{}: the file on the hub has just changed; pull it retryable", name()));
  }

  std::optional<Bytes> total = reply.content_length();
  const auto range = parse_content_range(reply.header("Content-Range"));
  if (reply.status() == 416 || (reply.status() == 206 && (!range || range->first != from || from == 0))) {
    // The range was not honoured: start again without one.
    if (from == 0) {
      return permanent(ErrorCode::corrupt,
                       std::format("{}: the server sends another part of the file than was requested", name()));
    }
    if (auto restarted = restart(part, *response, source_.bytes); !restarted) return restarted;
    return std::unexpected(Failure{
        .error = {ErrorCode::corrupt, std::format("{}: the server cannot go on in the middle of the file", name())},
        .retryable = true});
  }
  if (reply.status() == 206) total = range->total;
  if (total && size_listed_ && *total != *source_.bytes) {
    return permanent(
        ErrorCode::corrupt,
        std::format("{}: the hub lists {} bytes, its server has {}; the file is being changed, or the hub is "
                    "broken; try again later",
                    name(), format_count(*source_.bytes), format_count(*total)));
  }
  if (reply.status() == 200) {
    if (auto restarted = restart(part, *response, total); !restarted) return restarted;
  } else {
    resumed_ = true;
  }
  if (auto taken = receive_body(part, reply); !taken) return taken;
  if (source_.bytes && part.size() < *source_.bytes) {
    return std::unexpected(
        Failure{.error = {ErrorCode::unavailable, std::format("{}: ended after {} of {} bytes", name(),
                                                              format_count(part.size()), format_count(*source_.bytes))},
                .retryable = true});
  }
  return {};
}

Result<void> Download::fetch_all(PartFile& part) {
  if (part.size() > 0 && !can_resume(part)) EXO_CHECK(part.begin({}));
  resumed_ = part.size() > 0;
  if (source_.bytes && part.size() > 0 && part.size() == *source_.bytes) return {};
  EXO_CHECK(check_space(missing(part)));
  Retries retries(options_.retry);
  for (Bytes furthest = part.size();;) {
    auto attempt = fetch_missing(part);
    if (attempt) return {};
    if (part.size() > furthest) retries.progressed();
    furthest = std::max(furthest, part.size());
    EXO_CHECK(retries.wait_after(attempt.error()));
  }
}

// Whether the hub states a checksum. Errors: corrupt when it differs.
Result<bool> Download::verify(PartFile& part) {
  if (source_.sha256.empty()) return false;
  EXO_TRY(const std::string hash, part.sha256([this](Bytes done) { progress(done); }));
  if (hash == source_.sha256) return true;
  return fail(
      ErrorCode::corrupt,
      "{}: its SHA-256 is {}, the hub states {}; what came was damaged on its way, or the hub is broken; it was "
      "removed, pull it retryable",
      name(), hash, source_.sha256);
}

Result<Downloaded> Download::run() {
  Retries retries(options_.retry);
  while (!source_.bytes) {
    auto queried = query_size();
    if (queried) break;
    EXO_CHECK(retries.wait_after(queried.error()));
  }
  EXO_TRY(std::optional<PartFile> part, PartFile::open(to_));
  if (!part && options_.retry.note)
    options_.retry.note(to_.string() + ": another exogpu fetches it; waiting for that one");
  while (!part) {
    EXO_CHECK(pause(std::chrono::milliseconds(200), options_.retry.stop));
    EXO_TRY(auto opened, PartFile::open(to_));
    if (opened) part.emplace(*std::move(opened));
  }
  EXO_TRY(const bool here, is_complete());
  if (here) {
    EXO_CHECK(part->discard());
    return Downloaded{.bytes = *source_.bytes, .verified = !source_.sha256.empty(), .already_present = true};
  }
  if (auto fetched = fetch_all(*part); !fetched) {
    if (part->size() == 0) EXO_CHECK(part->discard());
    return std::unexpected(std::move(fetched).error());
  }
  auto verified = verify(*part);
  if (!verified && verified.error().code == ErrorCode::corrupt && resumed_) {
    // The parts may belong to two versions of the file: fetch it once more in one request.
    if (options_.retry.note)
      options_.retry.note(name() + ": the parts of the file do not match; fetching it again from the start");
    EXO_CHECK(part->begin({}));
    EXO_CHECK(fetch_all(*part));
    verified = verify(*part);
  }
  Result<void> accepted = {};
  if (!verified) accepted = std::unexpected(verified.error());
  if (accepted && options_.check) accepted = options_.check(part->path());
  if (!accepted) {
    if (accepted.error().code != ErrorCode::io_error) EXO_CHECK(part->discard());
    return std::unexpected(std::move(accepted).error());
  }
  EXO_CHECK(part->publish());
  return Downloaded{.bytes = part->size(), .verified = *verified};
}

}  // namespace

Result<Downloaded> download(HttpClient& client, Source source, const fs::path& to, const DownloadOptions& options) {
  return Download(client, std::move(source), to, options).run();
}

}  // namespace exogpu::hub
