#include "api/audit_note.h"

#include <format>
#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace exogpu::api {
namespace {

constexpr size_t kRecordedBodyMax = 64 * 1024;  // of a larger one the name is not looked for
constexpr size_t kRecordedNameMax = 200;

// The name in the body of a request that changes something.
std::string name_in(std::string_view body) {
  if (body.size() > kRecordedBodyMax) return {};
  const auto fields = nlohmann::json::parse(body, nullptr, false);
  if (!fields.is_object()) return {};
  for (const char* field : {"name", "key", "model", "node"}) {
    const auto found = fields.find(field);
    if (found != fields.end() && found->is_string()) {
      return printable(found->get<std::string>().substr(0, kRecordedNameMax));
    }
  }
  return {};
}

}  // namespace

AuditNote audit_note(const ApiError& refusal) {
  return {.kind = AuditNote::Kind::refused, .what = std::format("{} {}", refusal.status, refusal.code.value_or(""))};
}

AuditNote audit_note(const Route& route, std::string_view path, std::string_view body) {
  if (route.method == "GET" || !route.needs_key || !route.scope) return {};
  switch (*route.scope) {
    case wire::Scope::chat:
    case wire::Scope::embeddings: return {.kind = AuditNote::Kind::counted};
    case wire::Scope::cluster_read: return {};
    case wire::Scope::models:
    case wire::Scope::cluster_write:
    case wire::Scope::admin: break;
  }
  // What follows a route's own path may be a secret: a pairing code.
  return {.kind = AuditNote::Kind::recorded,
          .what = std::format("{} {}", route.method, route.path.ends_with('/') ? route.path : path),
          .object = name_in(body)};
}

std::string sender_name(const Principal& principal, bool from_this_machine) {
  if (principal.key) return principal.key->name;
  if (principal.authenticated) return "--api-key";
  return from_this_machine ? "local" : "";
}

}  // namespace exogpu::api
