#include "security/pairing/connection.h"

#include <openssl/ssl.h>

#include <string_view>

#include "security/key.h"

namespace exogpu::security {

Result<PairingConnection> pairing_connection(SSL* connection, TlsSide side) {
  constexpr std::string_view kExporterLabel = "EXPORTER-exogpu-pairing";
  const X509* certificate =
      side == TlsSide::server ? SSL_get_certificate(connection) : SSL_get0_peer_certificate(connection);
  EVP_PKEY* key = certificate == nullptr ? nullptr : X509_get0_pubkey(certificate);
  if (!is_p256(key)) return fail(ErrorCode::unauthenticated, "the other end's key is not on the curve P-256");
  PairingConnection result{.member = wire::NodeId(public_key_hash(key)), .session = {}};
  if (SSL_export_keying_material(connection, reinterpret_cast<unsigned char*>(result.session.data()),
                                 result.session.size(), kExporterLabel.data(), kExporterLabel.size(), nullptr, 0,
                                 0) != 1) {
    return fail(ErrorCode::internal, "cannot derive the connection's id: {}", openssl_words());
  }
  return result;
}

}  // namespace exogpu::security
