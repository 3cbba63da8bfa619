// How certificates are made. Only for the .cpp files of this folder.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "security/certificate.h"
#include "security/openssl.h"

namespace exogpu::security {

struct CertificateContents {
  EVP_PKEY* key;  // the certificate's subject key
  std::string name;
  X509* issuer;  // null: self-signed
  EVP_PKEY* issuer_key;
  WallTime now;
  std::chrono::days validity;
  std::vector<std::pair<int, std::string>> extensions;  // OpenSSL's number and text of each
};

// Errors: internal.
Result<Certificate> issue_certificate(const CertificateContents& contents);

}  // namespace exogpu::security
