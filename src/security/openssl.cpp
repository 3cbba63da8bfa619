#include "security/openssl.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace exogpu::security {

void OpensslFree::operator()(BIO* it) const { BIO_free_all(it); }
void OpensslFree::operator()(EVP_PKEY* it) const { EVP_PKEY_free(it); }
void OpensslFree::operator()(EVP_PKEY_CTX* it) const { EVP_PKEY_CTX_free(it); }
void OpensslFree::operator()(PKCS8_PRIV_KEY_INFO* it) const { PKCS8_PRIV_KEY_INFO_free(it); }
void OpensslFree::operator()(SSL* it) const { SSL_free(it); }
void OpensslFree::operator()(SSL_CTX* it) const { SSL_CTX_free(it); }
void OpensslFree::operator()(X509* it) const { X509_free(it); }
void OpensslFree::operator()(X509_ALGOR* it) const { X509_ALGOR_free(it); }
void OpensslFree::operator()(X509_REQ* it) const { X509_REQ_free(it); }
void OpensslFree::operator()(X509_SIG* it) const { X509_SIG_free(it); }

std::string openssl_words() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason ? reason : "unknown reason";
}

}  // namespace exogpu::security
