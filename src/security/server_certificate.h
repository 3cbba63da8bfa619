// A certificate for the API, signed by the cluster's authority: for clients that trust the authority.crt of a state
// folder.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "security/authority.h"

namespace exogpu::security {

inline constexpr std::chrono::days kServerValidity{397};  // the most that clients take

struct ServerCertificateFiles {
  std::filesystem::path certificate, key;  // PEM
};

// Makes a key and a certificate for these host names and IP addresses, and writes them as FOLDER/api.crt and api.key.
// Texts that are neither are left out. Errors: internal, permission_denied, io_error.
Result<ServerCertificateFiles> write_server_certificate(const std::filesystem::path& folder, const Authority& authority,
                                                        const std::vector<std::string>& names, WallTime now);

}  // namespace exogpu::security
