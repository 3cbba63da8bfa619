#include "hub/url.h"

#include <algorithm>
#include <charconv>
#include <format>
#include <optional>
#include <vector>

#include "base/utf8.h"

namespace exogpu::hub {
namespace {

constexpr size_t kLengthMax = 8192;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z'); }

std::unexpected<Error> bad(std::string_view text, std::string_view why) {
  return fail(ErrorCode::invalid_argument, "{}: {}", printable(text.substr(0, 200)), why);
}

std::string encoded(std::string_view text, std::string_view stays) {
  std::string result;
  for (const char c : text) {
    if (is_alphanumeric(c) || stays.contains(c)) {
      result += c;
    } else {
      result += std::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return result;
}

std::string decoded(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      result += static_cast<char>(value);
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

// "https://" and the like, in any case, taken off; whether it is https.
std::optional<bool> take_scheme(std::string_view& text) {
  for (const bool secure : {true, false}) {
    const std::string_view scheme = secure ? "https://" : "http://";
    if (text.size() < scheme.size() || !std::ranges::equal(text.substr(0, scheme.size()), scheme, {}, lower)) continue;
    text.remove_prefix(scheme.size());
    return secure;
  }
  return std::nullopt;
}

bool is_host(std::string_view host, bool bracketed) {
  const std::string_view others = bracketed ? ":." : "-._";
  return !host.empty() && host.size() <= 253 &&
         std::ranges::all_of(host, [&](char c) { return is_alphanumeric(c) || others.contains(c); });
}

// A path without "." and ".." in it. The query is not touched.
std::string without_dots(std::string_view target) {
  const size_t query = std::min(target.find('?'), target.size());
  std::vector<std::string_view> parts;
  std::string_view rest = target.substr(0, query);
  bool folder = false;
  while (!rest.empty()) {
    rest.remove_prefix(1);  // the slash
    const std::string_view part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(part.size());
    folder = part.empty() || part == "." || part == "..";
    if (part == ".." && !parts.empty()) parts.pop_back();
    if (part != "." && part != ".." && !(part.empty() && rest.empty())) parts.push_back(part);
  }
  std::string result;
  for (const std::string_view part : parts) (result += '/') += part;
  if (folder || result.empty()) result += '/';
  return result + std::string(target.substr(query));
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  const std::string_view whole = text;
  if (text.size() > kLengthMax) return bad(text, "this address is too long");
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return bad(text, "an address holds no control characters");
  }
  const std::optional<bool> secure = take_scheme(text);
  if (!secure) return bad(whole, "an address begins with https:// or http://");
  text = text.substr(0, text.find('#'));
  std::string_view authority = text.substr(0, text.find_first_of("/?"));
  text.remove_prefix(authority.size());
  if (authority.contains('@')) return bad("address", "a user name or password in it is not supported; use HF_TOKEN");

  Url url = {.secure = *secure, .host = {}, .port = static_cast<uint16_t>(*secure ? 443 : 80), .target = {}};
  const bool bracketed = authority.starts_with('[');
  const size_t end = bracketed ? authority.find(']') : authority.find(':');
  const std::string_view host =
      bracketed ? authority.substr(1, std::min(end, authority.size()) - 1) : authority.substr(0, end);
  if (!is_host(host, bracketed) || (bracketed && end == authority.npos)) return bad(whole, "it names no host");
  for (const char c : host) url.host += lower(c);
  std::string_view port = end == authority.npos ? "" : authority.substr(bracketed ? end + 1 : end);
  if (!port.empty()) {
    port.remove_prefix(port[0] == ':' ? 1 : 0);
    const auto [last, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (error != std::errc() || last != port.data() + port.size() || url.port == 0) {
      return bad(whole, "its port is not a number from 1 to 65535");
    }
  }
  const std::string target = (text.starts_with('/') ? "" : "/") + std::string(text);
  url.target = without_dots(encoded(target, "-._~/?#[]@!$&'()*+,;=:%"));
  return url;
}

Result<Url> Url::resolve(std::string_view reference) const {
  std::string_view rest = reference;
  if (take_scheme(rest)) return parse(reference);
  const size_t colon = reference.find(':');
  if (colon != reference.npos && colon < reference.find_first_of("/?#")) {
    return bad(reference, "an address begins with https:// or http://");
  }
  const std::string scheme = secure ? "https:" : "http:";
  if (reference.starts_with("//")) return parse(scheme + std::string(reference));
  const std::string origin = scheme + "//" + authority();
  if (reference.starts_with('/')) return parse(origin + std::string(reference));
  const std::string_view own = std::string_view(target).substr(0, target.find('?'));
  if (reference.starts_with('?') || reference.empty()) return parse(origin + std::string(own) + std::string(reference));
  return parse(origin + std::string(own.substr(0, own.rfind('/') + 1)) + std::string(reference));
}

std::string Url::text() const { return (secure ? "https://" : "http://") + authority() + target; }

std::string Url::authority() const {
  const std::string name = host.contains(':') ? "[" + host + "]" : host;
  return port == (secure ? 443 : 80) ? name : std::format("{}:{}", name, port);
}

std::string Url::path() const { return decoded(std::string_view(target).substr(0, target.find('?'))); }

bool Url::is_loopback() const {
  return host == "localhost" || host == "::1" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
}

std::string encode_path(std::string_view path) { return encoded(path, "-._~/"); }

}  // namespace exogpu::hub
