#include "security/server_certificate.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <format>
#include <set>

#include "security/files.h"
#include "security/issue.h"

namespace exogpu::security {
namespace {

bool is_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

// OpenSSL's text of extensions has separators of its own.
bool is_host_name(const std::string& text) {
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](unsigned char c) {
    return (std::isalnum(c) != 0 && c < 0x80) || c == '-' || c == '.';
  });
}

std::string alternative_names(const std::vector<std::string>& names) {
  std::string all;
  std::set<std::string> seen;
  for (const std::string& name : names) {
    const bool address = is_address(name);
    if ((!address && !is_host_name(name)) || !seen.insert(name).second) continue;
    all += std::format("{}{}:{}", all.empty() ? "" : ",", address ? "IP" : "DNS", name);
  }
  return all;
}

}  // namespace

Result<ServerCertificateFiles> write_server_certificate(const std::filesystem::path& folder, const Authority& authority,
                                                        const std::vector<std::string>& names, WallTime now) {
  EXO_TRY(const PrivateKey key, PrivateKey::generate());
  std::vector<std::pair<int, std::string>> extensions{{NID_basic_constraints, "critical,CA:FALSE"},
                                                      {NID_key_usage, "critical,digitalSignature"},
                                                      {NID_ext_key_usage, "serverAuth"},
                                                      {NID_subject_key_identifier, "hash"},
                                                      {NID_authority_key_identifier, "keyid:always"}};
  if (std::string alternatives = alternative_names(names); !alternatives.empty()) {
    extensions.emplace_back(NID_subject_alt_name, std::move(alternatives));
  }
  EXO_TRY(const Certificate certificate, issue_certificate({.key = key.native(),
                                                            .name = "exogpu API",
                                                            .issuer = authority.certificate().native(),
                                                            .issuer_key = authority.key().native(),
                                                            .now = now,
                                                            .validity = kServerValidity,
                                                            .extensions = std::move(extensions)}));
  EXO_CHECK(make_private_directory(folder));
  ServerCertificateFiles files{.certificate = folder / "api.crt", .key = folder / "api.key"};
  EXO_CHECK(write_secret(files.key, key.to_pem()));
  EXO_CHECK(write_secret(files.certificate, certificate.to_pem()));
  return files;
}

}  // namespace exogpu::security
