// What protects the API of `exogpu serve`: TLS, and the first key.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>

#include "api/server_options.h"
#include "base/result.h"
#include "node/node.h"
#include "security/identity_store.h"

namespace exogpu::cli {

// --tls-cert, --tls-key, --tls.
void add_tls_options(CLI::App& command, api::ServerOptions& settings, bool& own_certificate, const char* group);

// Makes a certificate for the names and addresses under which this machine is known. Errors: those of
// IdentityStore::authority() and write_server_certificate().
Result<void> use_own_certificate(const std::filesystem::path& state, const security::IdentityStore& identity,
                                 api::ServerOptions& settings);

// Logs that others can read what is sent, where that is so.
void warn_of_plain_http(const api::ServerOptions& settings);

// Where others can reach the API they need a key: makes one if there is none, and shows it. Errors: those of
// AccessKeys::make().
Result<void> make_first_key(const api::ServerOptions& settings, node::Node& node);

}  // namespace exogpu::cli
