#include "security/openssl.h"

#include <openssl/err.h>

namespace exogpu::security {

std::string openssl_words() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason ? reason : "unknown reason";
}

}  // namespace exogpu::security
