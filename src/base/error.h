// One canonical set of error codes, valid across modules, the wire and the API.
#pragma once

#include <string>
#include <string_view>

namespace exogpu {

enum class ErrorCode {
  invalid_argument,     // the caller's input is wrong, whatever the state of the system
  not_found,            // a named thing does not exist
  already_exists,       // a named thing exists and must not
  corrupt,              // data breaks its own format: truncated, contradictory, damaged
  unsupported,          // well-formed, but nothing here can do it
  out_of_memory,        // a device or the host lacks the bytes
  resource_exhausted,   // a limit other than memory is reached: sequences, context, quota
  failed_precondition,  // the system is not in the state the call needs
  permission_denied,
  unauthenticated,
  unavailable,  // may work when tried again: a peer is away, a device is lost
  deadline_exceeded,
  cancelled,
  io_error,
  internal,  // a defect of ours
};

// The code as it is written on the wire and in JSON, for example "out_of_memory".
std::string_view to_string(ErrorCode code);

// What went wrong: names the thing and, where there is one, the remedy.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
};

}  // namespace exogpu
