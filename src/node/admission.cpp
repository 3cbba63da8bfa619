#include "node/admission.h"

#include <chrono>

#include "security/pairing/store.h"

namespace exogpu::node {
namespace {

AdmissionState state_of(security::PairingOutcome outcome) {
  switch (outcome) {
    case security::PairingOutcome::shown: return AdmissionState::waiting;
    case security::PairingOutcome::paired: return AdmissionState::paired;
    case security::PairingOutcome::wrong: return AdmissionState::wrong;
    case security::PairingOutcome::expired: return AdmissionState::expired;
    case security::PairingOutcome::withdrawn: return AdmissionState::withdrawn;
  }
  return AdmissionState::withdrawn;
}

}  // namespace

std::string_view to_string(AdmissionState state) {
  switch (state) {
    case AdmissionState::waiting: return "waiting";
    case AdmissionState::paired: return "paired";
    case AdmissionState::wrong: return "wrong";
    case AdmissionState::expired: return "expired";
    case AdmissionState::withdrawn: return "withdrawn";
  }
  return "withdrawn";
}

Result<AdmissionStatus> admit(const std::filesystem::path& state, const AdmissionRequest& request) {
  const security::PairingStore store(state);
  const auto now = std::chrono::system_clock::now();
  if (request.action == AdmissionAction::show) {
    EXO_TRY(const security::PairingCode shown, store.show(now));
    return AdmissionStatus{.code = shown.digits()};
  }
  EXO_TRY(const security::PairingCode code, security::PairingCode::parse(request.code));
  if (request.action == AdmissionAction::approve) {
    EXO_CHECK(store.approve(code, now));
  } else if (request.action == AdmissionAction::withdraw) {
    EXO_CHECK(store.withdraw(code));
  }
  EXO_TRY(const security::PairingOutcome outcome, store.outcome(code, now));
  AdmissionStatus status{.code = code.digits(), .state = state_of(outcome)};
  if (outcome == security::PairingOutcome::paired) {
    EXO_TRY(status.newcomer, store.newcomer(code));
  }
  return status;
}

}  // namespace exogpu::node
