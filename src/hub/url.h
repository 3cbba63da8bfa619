// http and https addresses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace exogpu::hub {

struct Url {
  bool secure = true;  // https
  std::string host;    // lower case; an IPv6 address without brackets
  uint16_t port = 443;
  std::string target = "/";  // path and query, percent-encoded

  // Errors: invalid_argument: another scheme, a user name, no host, control characters, longer than 8 KiB.
  static Result<Url> parse(std::string_view text);

  // The address that `reference` means relative to this one (RFC 3986, section 5): absolute, "//host/path", "/path",
  // "path".
  // Errors: as parse().
  Result<Url> resolve(std::string_view reference) const;

  std::string text() const;       // "https://host/path?query"
  std::string authority() const;  // "host", "host:8080", "[::1]:8080": as the Host header has it
  std::string path() const;       // decoded, without the query
  bool same_origin(const Url& other) const {
    return secure == other.secure && host == other.host && port == other.port;
  }
  bool is_loopback() const;  // localhost or a loopback address
};

// Percent-encodes all but letters, digits and "-._~/".
std::string encode_path(std::string_view path);

}  // namespace exogpu::hub
