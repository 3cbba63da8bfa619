#include "security/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <format>
#include <string_view>

#include "base/mutex.h"

namespace exogpu::security {
namespace {

// In the format of ALPN: each name preceded by its length.
constexpr std::string_view kLinkProtocol =
    "\x0b"
    "exogpu-link";
constexpr std::string_view kJoinProtocol =
    "\x0b"
    "exogpu-join";
constexpr std::string_view kMemberProtocol =
    "\x0d"
    "exogpu-member";

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

bool offers(std::string_view list, std::string_view protocol) {
  while (!list.empty()) {
    const size_t size = size_t{1} + static_cast<uint8_t>(list[0]);
    if (list.substr(0, size) == protocol) return true;
    list.remove_prefix(std::min(size, list.size()));
  }
  return false;
}

// Chooses the connection's purpose before the server asks the client for a certificate.
int choose_purpose(SSL* connection, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                   unsigned int in_size, void*) {
  const std::string_view list(reinterpret_cast<const char*>(in), in_size);
  std::string_view chosen;
  if (offers(list, kLinkProtocol)) {
    chosen = kLinkProtocol;
  } else if (offers(list, kMemberProtocol)) {
    chosen = kMemberProtocol;
  } else if (offers(list, kJoinProtocol)) {
    chosen = kJoinProtocol;
    SSL_set_verify(connection, SSL_VERIFY_NONE, nullptr);
  } else {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = bytes(chosen) + 1;
  *out_size = static_cast<unsigned char>(chosen.size() - 1);
  return SSL_TLSEXT_ERR_OK;
}

// The joining end accepts as authority the certificate in the chain whose key has the token's hash.
int verify_by_cluster(X509_STORE_CTX* verification, void* argument) {
  const auto& cluster = *static_cast<const wire::ClusterId*>(argument);
  STACK_OF(X509)* chain = X509_STORE_CTX_get0_untrusted(verification);
  STACK_OF(X509)* trusted = sk_X509_new_null();
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    X509* certificate = sk_X509_value(chain, i);
    EVP_PKEY* key = X509_get0_pubkey(certificate);
    if (is_p256(key) && wire::ClusterId(public_key_hash(key)) == cluster) sk_X509_push(trusted, certificate);
  }
  X509_STORE_CTX_set0_trusted_stack(verification, trusted);
  const int good = X509_verify_cert(verification);
  X509_STORE_CTX_set0_trusted_stack(verification, nullptr);
  sk_X509_free(trusted);
  return good;
}

Result<Openssl<SSL_CTX>> make_context() {
  Openssl<SSL_CTX> context(SSL_CTX_new(TLS_method()));
  SSL_CTX* it = context.get();
  const bool good =
      it != nullptr && SSL_CTX_set_min_proto_version(it, TLS1_3_VERSION) == 1 &&
      SSL_CTX_set_max_proto_version(it, TLS1_3_VERSION) == 1 &&
      SSL_CTX_set_ciphersuites(it, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384") == 1 &&
      SSL_CTX_set_num_tickets(it, 0) == 1;
  if (!good) return fail(ErrorCode::internal, "cannot set up TLS: {}", openssl_words());
  SSL_CTX_set_session_cache_mode(it, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(it, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_max_cert_list(it, 16 * 1024);
  // One read of the socket returns all that has arrived, instead of first the five bytes of a record's header.
  SSL_CTX_set_read_ahead(it, 1);
  SSL_CTX_set_default_read_buffer_len(it, 128 * 1024);
  return context;
}

}  // namespace

struct TlsContext::State {
  State(Openssl<SSL_CTX> made, std::string_view of) : protocol(of), context(std::move(made)) {}
  const std::string_view protocol;
  Mutex mutex;
  Openssl<SSL_CTX> context EXO_GUARDED_BY(mutex);
};

namespace {

// A connection keeps the SSL_CTX alive, but not State; so the cluster to verify is attached to the SSL_CTX.
int cluster_slot() {
  static const int slot = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* cluster, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<wire::ClusterId*>(cluster); });
  return slot;
}

Result<Openssl<SSL_CTX>> node_context(const Identity& identity) {
  EXO_TRY(Openssl<SSL_CTX> context, make_context());
  SSL_CTX* it = context.get();
  X509_STORE* store = SSL_CTX_get_cert_store(it);
  const bool good = SSL_CTX_use_certificate(it, identity.certificate().native()) == 1 &&
                    SSL_CTX_use_PrivateKey(it, identity.key().native()) == 1 &&
                    SSL_CTX_add1_chain_cert(it, identity.authority().native()) == 1 &&
                    X509_STORE_add_cert(store, identity.authority().native()) == 1 &&
                    X509_STORE_set_flags(store, X509_V_FLAG_NO_CHECK_TIME) == 1;
  if (!good) return fail(ErrorCode::internal, "cannot set up TLS: {}", openssl_words());
  SSL_CTX_set_verify(it, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_alpn_select_cb(it, choose_purpose, nullptr);
  return context;
}

}  // namespace

Result<TlsContext> TlsContext::for_node(const Identity& identity) {
  EXO_TRY(Openssl<SSL_CTX> context, node_context(identity));
  return TlsContext(std::make_shared<State>(std::move(context), kLinkProtocol));
}

Result<void> TlsContext::renew(const Identity& identity) {
  EXO_TRY(Openssl<SSL_CTX> context, node_context(identity));
  const MutexLock lock(state_->mutex);
  state_->context = std::move(context);
  return {};
}

Result<TlsContext> TlsContext::for_joining(wire::ClusterId cluster) {
  EXO_TRY(Openssl<SSL_CTX> context, make_context());
  SSL_CTX* it = context.get();
  auto* pinned = new wire::ClusterId(cluster);
  if (SSL_CTX_set_ex_data(it, cluster_slot(), pinned) != 1) {
    delete pinned;
    return fail(ErrorCode::internal, "cannot set up TLS: {}", openssl_words());
  }
  SSL_CTX_set_verify(it, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(it, verify_by_cluster, pinned);
  return TlsContext(std::make_shared<State>(std::move(context), kJoinProtocol));
}

Result<TlsContext> TlsContext::for_pairing() {
  EXO_TRY(Openssl<SSL_CTX> context, make_context());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  return TlsContext(std::make_shared<State>(std::move(context), kJoinProtocol));
}

namespace {

Result<Openssl<SSL>> client_connection(SSL_CTX* context, std::string_view protocol) {
  Openssl<SSL> connection(SSL_new(context));
  // SSL_set_alpn_protos() returns zero for success.
  if (!connection ||
      SSL_set_alpn_protos(connection.get(), bytes(protocol), static_cast<unsigned>(protocol.size())) != 0) {
    return fail(ErrorCode::internal, "cannot make a TLS connection: {}", openssl_words());
  }
  SSL_set_connect_state(connection.get());
  return connection;
}

}  // namespace

Result<Openssl<SSL>> TlsContext::connection(TlsSide side) const {
  const MutexLock lock(state_->mutex);
  if (side == TlsSide::client) return client_connection(state_->context.get(), state_->protocol);
  Openssl<SSL> connection(SSL_new(state_->context.get()));
  if (!connection) return fail(ErrorCode::internal, "cannot make a TLS connection: {}", openssl_words());
  SSL_set_accept_state(connection.get());
  return connection;
}

Result<Openssl<SSL>> TlsContext::member_connection() const {
  const MutexLock lock(state_->mutex);
  return client_connection(state_->context.get(), kMemberProtocol);
}

TlsPurpose purpose_of(const SSL* connection) {
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(connection, &protocol, &size);
  const std::string_view chosen(reinterpret_cast<const char*>(protocol), size);
  if (chosen == kJoinProtocol.substr(1)) return TlsPurpose::join;
  return chosen == kMemberProtocol.substr(1) ? TlsPurpose::member : TlsPurpose::link;
}

Result<wire::NodeId> peer_of(const SSL* connection) {
  const X509* certificate = SSL_get0_peer_certificate(connection);
  if (certificate == nullptr || SSL_get_verify_result(connection) != X509_V_OK) {
    return fail(ErrorCode::unauthenticated, "the other end has no certificate of this cluster");
  }
  EVP_PKEY* key = X509_get0_pubkey(certificate);
  if (!is_p256(key)) return fail(ErrorCode::unauthenticated, "the other end's key is not on the curve P-256");
  return wire::NodeId(public_key_hash(key));
}

Validity validity_of_peer(const SSL* connection) {
  Validity validity;
  const STACK_OF(X509)* chain = SSL_get0_verified_chain(connection);
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const Validity one = validity_of(sk_X509_value(chain, i));
    validity.from = std::max(validity.from, one.from);
    validity.to = std::min(validity.to, one.to);
  }
  return validity;
}

Result<void> check_validity(const Validity& validity, const NodeClock& peer, const NodeClock& self) {
  const WallTime now = self.time.value_or(WallTime());
  if (validity.includes(now)) return {};
  return fail(ErrorCode::unauthenticated,
              "the certificate of node {0} is valid from {1} to {2}. The clock of node {3} says {4}, that of node {0} "
              "{5}. Set the clock that is wrong (sudo timedatectl set-ntp true); if both are right, restart node {0}, "
              "which renews its certificate",
              peer.node.short_text(), date_text(validity.from), date_text(validity.to), self.node.short_text(),
              date_text(now), peer.time ? "says " + date_text(*peer.time) : "is not known");
}

Result<wire::NodeId> valid_peer_of(const SSL* connection) {
  EXO_TRY(const wire::NodeId peer, peer_of(connection));
  const Validity validity = validity_of_peer(connection);
  const WallTime now = std::chrono::system_clock::now();
  if (validity.includes(now)) return peer;
  return fail(ErrorCode::unauthenticated, "the certificate of node {} is valid from {} to {}, and this clock says {}",
              peer.short_text(), date_text(validity.from), date_text(validity.to), date_text(now));
}

Error tls_error(const SSL* connection) {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  const std::string words = openssl_words();
  auto unauthenticated = [](std::string message) {
    return Error{.code = ErrorCode::unauthenticated, .message = std::move(message)};
  };
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED: {
      const long verdict = SSL_get_verify_result(connection);
      if (verdict == X509_V_ERR_CERT_HAS_EXPIRED || verdict == X509_V_ERR_CERT_NOT_YET_VALID) {
        return unauthenticated(
            std::format("its certificate is not valid today ({}), since this device's clock says {}; check the clocks "
                        "of both devices",
                        X509_verify_cert_error_string(verdict), date_text(std::chrono::system_clock::now())));
      }
      return unauthenticated(std::format(
          "its certificate belongs to another cluster ({}); a node of another cluster must join this one first",
          X509_verify_cert_error_string(verdict)));
    }
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return unauthenticated("it has no certificate; a new node must join the cluster first");
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
      return unauthenticated(
          std::format("it refuses this node's certificate ({}); this node must join its cluster first, and both "
                      "clocks must be right",
                      words));
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return {.code = ErrorCode::unsupported, .message = "it does not speak TLS 1.3"};
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
      return {.code = ErrorCode::unsupported, .message = "it speaks TLS, but it is not an exogpu node"};
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_BAD_RECORD_TYPE:
      return {.code = ErrorCode::corrupt,
              .message = "it does not speak TLS: it is not an exogpu node, or the port is wrong"};
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return {.code = ErrorCode::unavailable, .message = "it closed the connection"};
    default: return {.code = ErrorCode::corrupt, .message = std::format("TLS failed: {}", words)};
  }
}

}  // namespace exogpu::security
