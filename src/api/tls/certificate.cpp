#include "api/tls/certificate.h"

#include <openssl/ssl.h>
#include <sys/stat.h>

#include <string_view>
#include <system_error>

#include "base/log.h"

namespace exogpu::api {
namespace {

namespace ssl = boost::asio::ssl;

// Clients that name protocols must name this one.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
                    void*) {
  static constexpr unsigned char kHttp[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kHttp, sizeof(kHttp) - 1, in, in_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

std::unexpected<Error> unusable(const std::filesystem::path& file, std::string_view what,
                                const boost::system::error_code& failure) {
  return fail(ErrorCode::invalid_argument, "{}: cannot be used as the {} of the API: {}", file.string(), what,
              failure.message());
}

}  // namespace

Result<TlsCertificate> TlsCertificate::open(std::filesystem::path certificate, std::filesystem::path key) {
  TlsCertificate opened(std::move(certificate), std::move(key));
  opened.stamp_ = opened.stamp();
  EXO_TRY(opened.settings_, opened.read());
  return opened;
}

TlsCertificate::Stamp TlsCertificate::stamp() const {
  std::error_code ignored;
  return {.certificate = std::filesystem::last_write_time(certificate_, ignored),
          .key = std::filesystem::last_write_time(key_, ignored)};
}

Result<TlsSettings> TlsCertificate::read() const {
  struct stat status{};
  if (::stat(key_.c_str(), &status) == 0 && (status.st_mode & 077) != 0) {
    return fail(ErrorCode::permission_denied, "{}: others than its owner may read or write this key; run: chmod 600 {}",
                key_.string(), key_.string());
  }
  auto made = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* native = made->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION);
  SSL_CTX_set_num_tickets(native, 0);
  SSL_CTX_set_alpn_select_cb(native, choose_protocol, nullptr);
  boost::system::error_code failure;
  made->use_certificate_chain_file(certificate_.string(), failure);
  if (failure) return unusable(certificate_, "certificate", failure);
  made->use_private_key_file(key_.string(), ssl::context::pem, failure);
  if (failure) return unusable(key_, "key", failure);
  if (SSL_CTX_check_private_key(native) != 1) {
    return fail(ErrorCode::invalid_argument, "{} and {} do not belong together", certificate_.string(), key_.string());
  }
  return made;
}

TlsSettings TlsCertificate::settings(std::chrono::steady_clock::time_point now) {
  if (now - looked_at_ < std::chrono::seconds(1)) return settings_;
  looked_at_ = now;
  const Stamp current = stamp();
  if (current == stamp_) return settings_;
  stamp_ = current;
  if (auto made = read()) {
    settings_ = *std::move(made);
    log::info("api", "the certificate of the API was read again from {}", certificate_.string());
  } else {
    log::error("api", "{}; the earlier certificate stays", made.error().message);
  }
  return settings_;
}

}  // namespace exogpu::api
