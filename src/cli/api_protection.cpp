#include "cli/api_protection.h"

#include <chrono>

#include "base/log.h"
#include "cli/api_addresses.h"
#include "cli/output.h"
#include "node/host_name.h"
#include "security/server_certificate.h"

namespace exogpu::cli {
namespace {

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1" || address == "localhost";
}

}  // namespace

void add_tls_options(CLI::App& command, api::ServerOptions& settings, bool& own_certificate, const char* group) {
  auto* certificate =
      command
          .add_option("--tls-cert", settings.tls_certificate,
                      "Serve the API over TLS 1.3 with this certificate (PEM, with those between it and its "
                      "authority); read again when it changes. Programs of this machine may still use plain HTTP")
          ->type_name("FILE")
          ->group(group);
  auto* key =
      command.add_option("--tls-key", settings.tls_key, "The certificate's key (PEM)")->type_name("FILE")->group(group);
  command
      .add_flag(
          "--tls", own_certificate,
          "Likewise with a certificate that the cluster signs, for clients that trust STATE/identity/authority.crt")
      ->excludes(certificate)
      ->group(group);
  certificate->needs(key);
  key->needs(certificate);
}

Result<void> use_own_certificate(const std::filesystem::path& state, const security::IdentityStore& identity,
                                 api::ServerOptions& settings) {
  EXO_TRY(const security::Authority authority, identity.authority());
  std::vector<std::string> names = own_addresses(true);
  for (const char* name : {"localhost", "127.0.0.1", "::1"}) names.emplace_back(name);
  names.push_back(node::host_name());
  names.push_back(node::host_name() + ".local");
  EXO_TRY(auto files,
          security::write_server_certificate(state / "tls", authority, names, std::chrono::system_clock::now()));
  settings.tls_certificate = std::move(files.certificate);
  settings.tls_key = std::move(files.key);
  return {};
}

void warn_of_plain_http(const api::ServerOptions& settings) {
  if (is_loopback(settings.address) || !settings.tls_certificate.empty()) return;
  log::warning("cli",
               "the API speaks plain HTTP at {}: keys and texts can be read by others on the network; --tls encrypts "
               "it",
               settings.address);
}

Result<void> make_first_key(const api::ServerOptions& settings, node::Node& node) {
  if (is_loopback(settings.address)) return {};
  if (settings.no_auth) {
    log::warning("cli", "--no-auth: every program that reaches {} can use and change all that this node offers",
                 settings.address);
    return {};
  }
  if (!settings.api_keys.empty() || node.access_keys().any() || !is_trusted(node.role())) return {};
  EXO_TRY(const auto made, node.access_keys().make({.name = node.name(), .scopes = {wire::Scope::admin}},
                                                   std::chrono::system_clock::now()));
  println_out(
      "Programs of other machines need a key for the API. This one may do everything, and is shown once:\n\n  {}\n\n"
      "`exogpu keys add NAME` makes one that may do less; --no-auth does without.\n",
      made.key);
  return {};
}

}  // namespace exogpu::cli
