// The error codes of the whole program, its messages between nodes, and the API.
#pragma once

#include <string>
#include <string_view>

namespace exogpu {

enum class ErrorCode {
  invalid_argument,     // the caller's input is wrong, independent of the system's state
  not_found,            // a named thing does not exist
  already_exists,       // a named thing exists and must not
  corrupt,              // data violates its format: truncated, contradictory, damaged
  unsupported,          // well-formed, but not supported here
  out_of_memory,        // a device or the host lacks the bytes
  resource_exhausted,   // a limit other than memory is reached: sequences, context, quota
  failed_precondition,  // the system's state does not allow the call
  permission_denied,
  unauthenticated,
  unavailable,  // may work later: a peer is offline, a device is lost
  deadline_exceeded,
  cancelled,
  io_error,
  internal,  // a bug of this program
};

// The name of the code on the wire and in JSON, for example "out_of_memory".
std::string_view to_string(ErrorCode code);

// `message` names the thing and, if there is one, the remedy.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
};

}  // namespace exogpu
