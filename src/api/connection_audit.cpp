// What a connection reports to the node's audit.
#include <format>

#include "api/connection.h"

namespace exogpu::api {

void Connection::begin_audit(AuditNote note, bool local) {
  note_ = std::move(note);
  node::Audit* audit = shared_.service.audit();
  if (audit == nullptr) note_.kind = AuditNote::Kind::none;
  switch (note_.kind) {
    case AuditNote::Kind::none: return;
    case AuditNote::Kind::refused: return audit->count_refusal("", client_address(), note_.what);
    case AuditNote::Kind::counted:
    case AuditNote::Kind::recorded: sender_ = sender_name(principal_, local);
  }
  if (note_.kind == AuditNote::Kind::counted) audit->count(sender_, client_address(), {.requests = 1, .tokens = 0});
}

void Connection::audit_reply(unsigned status) {
  if (note_.kind != AuditNote::Kind::recorded) return;
  note_.kind = AuditNote::Kind::none;  // a stream has one result
  shared_.service.audit()->record({.who = sender_,
                                   .from = client_address(),
                                   .action = note_.what,
                                   .what = note_.object,
                                   .result = status < 400 ? "ok" : std::format("{}", status)});
}

}  // namespace exogpu::api
