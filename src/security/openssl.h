// OpenSSL's objects with owners. For this room and for the sockets of net; no other sees OpenSSL.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace exogpu::security {

struct OpensslFree {
  void operator()(BIO* it) const { BIO_free_all(it); }
  void operator()(EVP_PKEY* it) const { EVP_PKEY_free(it); }
  void operator()(EVP_PKEY_CTX* it) const { EVP_PKEY_CTX_free(it); }
  void operator()(PKCS8_PRIV_KEY_INFO* it) const { PKCS8_PRIV_KEY_INFO_free(it); }
  void operator()(X509* it) const { X509_free(it); }
  void operator()(X509_REQ* it) const { X509_REQ_free(it); }
  void operator()(SSL* it) const { SSL_free(it); }
  void operator()(SSL_CTX* it) const { SSL_CTX_free(it); }
};
template <typename T>
using Openssl = std::unique_ptr<T, OpensslFree>;

// What went wrong in this thread's last call of OpenSSL, in its words; empties its list of errors.
std::string openssl_words();

}  // namespace exogpu::security
