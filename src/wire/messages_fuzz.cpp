// Any bytes as each message of a link: refused, or a message that survives another round trip.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "wire/audit.h"
#include "wire/cluster.h"
#include "wire/cluster_log.h"
#include "wire/election.h"
#include "wire/group.h"
#include "wire/group_start.h"
#include "wire/messages.h"
#include "wire/node_settings.h"
#include "wire/pull.h"
#include "wire/removal.h"
#include "wire/renewal.h"
#include "wire/ring.h"
#include "wire/role.h"
#include "wire/stream.h"
#include "wire/telemetry.h"
#include "wire/weights.h"

namespace {

using namespace exogpu::wire;

template <typename Message>
void check(std::span<const std::byte> bytes) {
  const auto message = decode<Message>(bytes);
  if (!message) return;
  const auto again = decode<Message>(encode(*message));
  if (!again) std::abort();
  if constexpr (requires { *message == *again; }) {
    if (!(*message == *again)) std::abort();
  }
}

}  // namespace

// The first byte selects the message.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
  switch (data[0]) {
    case 1: {
      check<Hello>(bytes);
      if (const auto theirs = decode_hello_versions(bytes)) (void)negotiate(own_versions(), *theirs);
      break;
    }
    case 2: check<Ping>(bytes); break;
    case 3: check<Pong>(bytes); break;
    case 4: check<Credit>(bytes); break;
    case 5: check<Goodbye>(bytes); break;
    case 6: check<JoinRequest>(bytes); break;
    case 7: check<JoinResponse>(bytes); break;
    case 8: check<PairingHello>(bytes); break;
    case 9: check<PairingOffer>(bytes); break;
    case 10: check<PairingProof>(bytes); break;
    case 11: check<PairingResult>(bytes); break;
    case 64: check<Step>(bytes); break;
    case 65: check<StepDone>(bytes); break;
    case 66: check<Generate>(bytes); break;
    case 67: check<Generated>(bytes); break;
    case 68: check<CancelGenerate>(bytes); break;
    case 69: check<StreamRead>(bytes); break;
    case 70: check<StreamBytes>(bytes); break;
    case 76: check<LeaderHint>(bytes); break;
    case 77: check<LinkProbeResult>(bytes); break;
    case 78: check<StageProgress>(bytes); break;
    case 80: check<ElectionProbe>(bytes); break;
    case 81: check<Heartbeat>(bytes); break;
    case 82: check<HeartbeatAck>(bytes); break;
    case 83: check<LinkPing>(bytes); break;
    case 84: check<LogEntries>(bytes); break;
    case 85: check<LogSnapshot>(bytes); break;
    case 86: check<LogProposal>(bytes); break;
    case 88: check<LoadModel>(bytes); break;
    case 89: check<LoadRefused>(bytes); break;
    case 90: check<PullQuery>(bytes); break;
    case 91: check<PullRoom>(bytes); break;
    case 92: check<PullModel>(bytes); break;
    case 93: check<PullCancel>(bytes); break;
    case 94: check<PullReport>(bytes); break;
    case 96: check<WeightsQuery>(bytes); break;
    case 97: check<WeightsAvailability>(bytes); break;
    case 98: check<WeightsRequest>(bytes); break;
    case 99: check<WeightsRefusal>(bytes); break;
    case 100: check<WeightsStop>(bytes); break;
    case 104: check<TelemetryRegistration>(bytes); break;
    case 105: check<TelemetryHeartbeat>(bytes); break;
    case 106: check<TelemetryWatch>(bytes); break;
    case 107: check<AlertsReported>(bytes); break;
    case 112: check<AuditHead>(bytes); break;
    case 113: check<AuditAnchors>(bytes); break;
    case 116: check<Removals>(bytes); break;
    case 117: check<CertificateRequest>(bytes); break;
    case 118: check<CertificateAnswer>(bytes); break;
    case 119: check<Roles>(bytes); break;
    case 121: check<AuthorityKey>(bytes); break;
    case 120: check<NodeSettings>(bytes); break;
    case 128: check<MemberCall>(bytes); break;
    case 129: check<MemberReply>(bytes); break;
    case 130: check<MemberHello>(bytes); break;
    case 131: check<MemberDevices>(bytes); break;
    default: break;
  }
  return 0;
}
