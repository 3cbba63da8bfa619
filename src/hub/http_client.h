// An HTTP/1.1 client over TCP or TLS that can fetch files: GET, with the body read as it arrives.
//
// Opens one connection for each request. Calls block, each no longer than its limit, except that a name lookup takes as
// long as the system takes. One thread uses a client and its replies; a reply may outlive the client.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "hub/url.h"

namespace exogpu::hub {

struct HttpOptions {
  std::chrono::milliseconds connect = std::chrono::seconds(20);  // of each: TCP connection, TLS handshake
  std::chrono::milliseconds silence = std::chrono::seconds(30);  // without a byte
  std::stop_token stop{};  // ends what waits for the network, with ErrorCode::cancelled; a name lookup is not ended
};

struct HttpRequest {
  Url url;
  std::vector<std::pair<std::string, std::string>> headers;
};

class HttpReply {
 public:
  HttpReply(HttpReply&&) noexcept;
  HttpReply& operator=(HttpReply&&) noexcept;
  ~HttpReply();

  unsigned status() const;
  std::string header(std::string_view name) const;  // empty when it is missing
  // Of the body; absent without a Content-Length.
  std::optional<Bytes> content_length() const;

  // Reads at least one byte of the body, or returns 0 at its end.
  // Errors: unavailable (also: the body ends before its announced length), deadline_exceeded, corrupt (not HTTP).
  Result<size_t> read(std::span<std::byte> into);

 private:
  friend class HttpClient;
  struct Impl;
  explicit HttpReply(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class HttpClient {
 public:
  // Trusts the system's certificate authorities, or those of SSL_CERT_FILE and SSL_CERT_DIR.
  // Errors: internal.
  static Result<HttpClient> make(const HttpOptions& options = {});
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;
  ~HttpClient();

  // Sends the request and reads the headers of the reply. Returns a reply of any status; follows no redirects.
  // Errors: unavailable, deadline_exceeded, permission_denied (the host's certificate is not trusted), corrupt.
  Result<HttpReply> get(const HttpRequest& request);

 private:
  struct Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::hub
