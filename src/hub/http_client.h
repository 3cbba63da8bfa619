// HTTP/1.1 over TCP or TLS, as far as fetching files needs it: GET, with the body read as it comes.
//
// One connection for each request. Calls block the thread, each for no longer than its limit; looking up a name takes
// as long as the system takes. One thread uses a client and its replies; a reply may outlive the client.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "hub/url.h"

namespace exogpu::hub {

struct HttpOptions {
  std::chrono::milliseconds connect = std::chrono::seconds(20);  // each of: reaching the host, TLS
  std::chrono::milliseconds silence = std::chrono::seconds(30);  // without a byte
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
  // Of the body; absent when the sender does not say it.
  std::optional<Bytes> content_length() const;

  // At least one byte of the body, or 0 at its end. A body that breaks off before the length that was announced is
  // `unavailable`, as is a connection that ends.
  // Errors: unavailable, deadline_exceeded, corrupt (what comes is no HTTP).
  Result<size_t> read(std::span<std::byte> into);

 private:
  friend class HttpClient;
  struct Impl;
  explicit HttpReply(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class HttpClient {
 public:
  // Trusts the authorities that the system trusts; SSL_CERT_FILE and SSL_CERT_DIR, if set, name others.
  // Errors: internal.
  static Result<HttpClient> make(const HttpOptions& options = {});
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;
  ~HttpClient();

  // Sends the request and reads the reply as far as its headers. Every status is a reply; redirects are not followed.
  // Errors: unavailable, deadline_exceeded, permission_denied (the host's certificate is not trusted), corrupt.
  Result<HttpReply> get(const HttpRequest& request);

 private:
  struct Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::hub
