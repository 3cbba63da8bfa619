// Any message in each step of a pairing is refused, and never accepted as proof of the code.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "security/pairing/exchange.h"

// The first byte chooses the message that the rest stands for.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace exogpu;
  using namespace exogpu::security;
  if (size == 0) return 0;
  static const PairingCode code = *PairingCode::parse("123456");
  const PairingConnection connection{};
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
  const auto random_request = wire::ByteVector(8);
  switch (data[0]) {
    case 8: {
      const auto hello = wire::decode<wire::PairingHello>(bytes);
      if (hello) (void)PairingMember::answer(code, *hello, {}, connection);
      break;
    }
    case 9: {
      const auto offer = wire::decode<wire::PairingOffer>(bytes);
      if (offer) (void)PairingNewcomer::begin(code)->first.prove(*offer, connection, random_request);
      break;
    }
    case 10: {
      const auto proof = wire::decode<wire::PairingProof>(bytes);
      if (!proof) break;
      auto newcomer = PairingNewcomer::begin(code);
      auto member = PairingMember::answer(code, newcomer->second, {}, connection);
      if (std::move(member->first).verify(*proof)) std::abort();
      break;
    }
    case 11: {
      const auto result = wire::decode<wire::PairingResult>(bytes);
      if (!result) break;
      auto newcomer = PairingNewcomer::begin(code);
      const auto member = PairingMember::answer(code, newcomer->second, {}, connection);
      (void)newcomer->first.prove(member->second, connection, random_request);
      if (newcomer->first.check(*result)) std::abort();
      break;
    }
    default: break;
  }
  return 0;
}
