// The certificate of the API's TLS, read from files and again when they change.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"

namespace exogpu::api {

// TLS 1.3 alone, HTTP/1.1 by ALPN, no session tickets.
using TlsSettings = std::shared_ptr<boost::asio::ssl::context>;

// One thread.
class TlsCertificate {
 public:
  // PEM files: the certificate with those between it and its authority, and its key. Errors: invalid_argument (they
  // cannot be read, or do not belong together), permission_denied (others may read the key): naming the file.
  static Result<TlsCertificate> open(std::filesystem::path certificate, std::filesystem::path key);

  // For a connection that begins now. Files that changed are read, at most once a second; if that fails the earlier
  // certificate stays, and the log says why.
  TlsSettings settings(std::chrono::steady_clock::time_point now);

 private:
  struct Stamp {
    std::filesystem::file_time_type certificate{}, key{};
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  TlsCertificate(std::filesystem::path certificate, std::filesystem::path key)
      : certificate_(std::move(certificate)), key_(std::move(key)) {}
  Stamp stamp() const;
  Result<TlsSettings> read() const;

  std::filesystem::path certificate_, key_;
  TlsSettings settings_;
  Stamp stamp_;
  std::chrono::steady_clock::time_point looked_at_{};
};

}  // namespace exogpu::api
