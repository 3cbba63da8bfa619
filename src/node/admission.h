// Lets newcomers join by a pairing code, for users of the API: what `exogpu pair` and `exogpu approve` do on the
// command line.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace exogpu::node {

enum class AdmissionAction {
  show,      // a new code, which a newcomer takes (`exogpu join CODE`)
  approve,   // a newcomer's own code
  look,      // what became of a code
  withdraw,  // a code
};

struct AdmissionRequest {
  AdmissionAction action = AdmissionAction::show;
  std::string code{};  // but for show
};

enum class AdmissionState {
  waiting,
  paired,
  wrong,      // a guess failed, and the code is used up
  expired,    // nobody came
  withdrawn,  // or replaced by another code
};
std::string_view to_string(AdmissionState state);

struct AdmissionStatus {
  std::string code{};  // six digits
  AdmissionState state = AdmissionState::waiting;
  std::string newcomer{};  // that was admitted: the name that it gave
};

// On behalf of the node with this state folder. Reads and writes the disk. Errors: invalid_argument (no code),
// resource_exhausted (too many wrong guesses lately), and those of the folder's files.
Result<AdmissionStatus> admit(const std::filesystem::path& state, const AdmissionRequest& request);

}  // namespace exogpu::node
