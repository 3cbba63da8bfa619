// What the audit gets to know of a request: never its content.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/json/api_error.h"
#include "api/surface/exchange.h"
#include "api/surface/principal.h"

namespace exogpu::api {

struct AuditNote {
  // Requests for texts are counted, and so are refusals at the door. Each request that changes something is recorded,
  // with its result. Those that read are not.
  enum class Kind : uint8_t { none, counted, refused, recorded };
  Kind kind = Kind::none;
  std::string what{};    // recorded: method and path; refused: the status and the code
  std::string object{};  // recorded: the name of what is to be changed
};

AuditNote audit_note(const ApiError& refusal);
// `path` is that of the request, `body` its body.
AuditNote audit_note(const Route& route, std::string_view path, std::string_view body);

// "laptop": a key's name; "local": a program of this machine.
std::string sender_name(const Principal& principal, bool from_this_machine);

}  // namespace exogpu::api
