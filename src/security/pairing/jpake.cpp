#include "security/pairing/jpake.h"

#include <mbedtls/ecjpake.h>

namespace exogpu::security {
namespace {

constexpr size_t kRoundBytesMax = wire::kPairingRoundBytesMax;  // the largest round has about 330 bytes

int random(void*, unsigned char* to, size_t size) {
  return random_bytes(std::as_writable_bytes(std::span(to, size))) ? 0 : MBEDTLS_ERR_ECP_RANDOM_FAILED;
}

const unsigned char* raw(std::span<const std::byte> bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::unexpected<Error> trouble(int error) {
  return fail(ErrorCode::internal, "pairing: mbedTLS failed with {}", error);
}

template <typename Write>
Result<wire::ByteVector> written(mbedtls_ecjpake_context* context, Write write) {
  wire::ByteVector bytes(kRoundBytesMax);
  size_t size = 0;
  const int error =
      write(context, reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), &size, random, nullptr);
  if (error != 0) return trouble(error);
  bytes.resize(size);
  return bytes;
}

Result<void> read(int error) {
  if (error == 0) return {};
  return fail(ErrorCode::corrupt, "the other device sent a message that does not belong to a pairing");
}

}  // namespace

struct Jpake::State {
  State() { mbedtls_ecjpake_init(&it); }
  ~State() { mbedtls_ecjpake_free(&it); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  mbedtls_ecjpake_context it{};
};

Jpake::Jpake(std::unique_ptr<State> state) : state_(std::move(state)) {}
Jpake::Jpake(Jpake&&) noexcept = default;
Jpake& Jpake::operator=(Jpake&&) noexcept = default;
Jpake::~Jpake() = default;

Result<Jpake> Jpake::begin(JpakeRole role, std::string_view secret) {
  auto state = std::make_unique<State>();
  const int error = mbedtls_ecjpake_setup(
      &state->it, role == JpakeRole::newcomer ? MBEDTLS_ECJPAKE_CLIENT : MBEDTLS_ECJPAKE_SERVER, MBEDTLS_MD_SHA256,
      MBEDTLS_ECP_DP_SECP256R1, reinterpret_cast<const unsigned char*>(secret.data()), secret.size());
  if (error != 0) return trouble(error);
  return Jpake(std::move(state));
}

Result<wire::ByteVector> Jpake::write_one() { return written(&state_->it, mbedtls_ecjpake_write_round_one); }

Result<void> Jpake::read_one(std::span<const std::byte> bytes) {
  return read(mbedtls_ecjpake_read_round_one(&state_->it, raw(bytes), bytes.size()));
}

Result<wire::ByteVector> Jpake::write_two() { return written(&state_->it, mbedtls_ecjpake_write_round_two); }

Result<void> Jpake::read_two(std::span<const std::byte> bytes) {
  return read(mbedtls_ecjpake_read_round_two(&state_->it, raw(bytes), bytes.size()));
}

Result<Sha256> Jpake::key() {
  Sha256 key;
  size_t size = 0;
  const int error = mbedtls_ecjpake_derive_secret(&state_->it, reinterpret_cast<unsigned char*>(key.data()), key.size(),
                                                  &size, random, nullptr);
  if (error != 0) return trouble(error);
  if (size != key.size()) return fail(ErrorCode::internal, "pairing: the key has {} bytes", size);
  return key;
}

}  // namespace exogpu::security
