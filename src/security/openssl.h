// Owners for OpenSSL's objects. Includes none of its headers, so that headers with such members can be included
// anywhere; files that call OpenSSL include its headers.
#pragma once

#include <memory>
#include <string>

using BIO = struct bio_st;
using EVP_PKEY = struct evp_pkey_st;
using EVP_PKEY_CTX = struct evp_pkey_ctx_st;
using PKCS8_PRIV_KEY_INFO = struct pkcs8_priv_key_info_st;
using SSL = struct ssl_st;
using SSL_CTX = struct ssl_ctx_st;
using X509 = struct x509_st;
using X509_ALGOR = struct X509_algor_st;
using X509_REQ = struct X509_req_st;
using X509_SIG = struct X509_sig_st;

namespace exogpu::security {

struct OpensslFree {
  void operator()(BIO* it) const;
  void operator()(EVP_PKEY* it) const;
  void operator()(EVP_PKEY_CTX* it) const;
  void operator()(PKCS8_PRIV_KEY_INFO* it) const;
  void operator()(SSL* it) const;
  void operator()(SSL_CTX* it) const;
  void operator()(X509* it) const;
  void operator()(X509_ALGOR* it) const;
  void operator()(X509_REQ* it) const;
  void operator()(X509_SIG* it) const;
};
template <typename T>
using Openssl = std::unique_ptr<T, OpensslFree>;

// The reason why this thread's last call of OpenSSL failed; clears OpenSSL's error queue.
std::string openssl_words();

}  // namespace exogpu::security
