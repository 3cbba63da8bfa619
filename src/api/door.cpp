#include "api/door.h"

#include <algorithm>
#include <cmath>

#include "api/client_identity.h"
#include "api/routes.h"
#include "base/log.h"
#include "base/utf8.h"

namespace exogpu::api {
namespace {

constexpr double kMinute = 60;
constexpr double kDay = 86'400;

// Takes as long for a key that is nearly right as for any other.
bool equal_secrets(std::string_view given, std::string_view secret) {
  unsigned difference = given.size() == secret.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(secret[i % secret.size()]);
  }
  return difference == 0;
}

ApiError unauthorized(std::string message) {
  return {.status = 401, .message = std::move(message), .type = "authentication_error", .code = "invalid_api_key"};
}

ApiError too_many_attempts(std::chrono::seconds wait) {
  return {.status = 429,
          .message = std::format("too many wrong API keys came from this address; try again in {} s", wait.count()),
          .type = "rate_limit_error",
          .code = "too_many_attempts",
          .retry_after_s = static_cast<uint64_t>(wait.count())};
}

ApiError foreign_host(std::string_view host) {
  return {.status = 403,
          .message = std::format("without an API key this server answers to addresses and local names only, not to "
                                 "{0}, which could be a web page's: send a key, or start the node with "
                                 "`exogpu serve --origin \"http://{0}\"`",
                                 printable(std::string(host.substr(0, 200)))),
          .code = "host_not_allowed"};
}

ApiError too_often(const wire::AccessKey& key, std::string_view limit, double wait_s) {
  return {
      .status = 429,
      .message = std::format("the API key {} has a limit of {}; try again in {} s", key.name, limit, std::ceil(wait_s)),
      .type = "rate_limit_error",
      .code = "rate_limit_exceeded",
      .retry_after_s = static_cast<uint64_t>(std::ceil(wait_s))};
}

}  // namespace

Parsed<void> check_role(wire::Role role, const Route& route) {
  if (is_trusted(role) || !route.needs_key || !route.scope) return {};
  const wire::Scope scope = *route.scope;
  const bool asks = scope == wire::Scope::chat || scope == wire::Scope::embeddings;
  if (asks && may_ask(role)) return {};
  if (!asks && scope != wire::Scope::models && route.method == "GET") return {};
  return std::unexpected(ApiError{
      .status = 403,
      .message =
          role == wire::Role::worker
              ? "this device is a worker of its cluster: it computes for others and takes no requests. Send them "
                "to another device, or have an owner run `exogpu role NODE member`"
              : "this device is a guest of its cluster: it may ask for texts and change nothing. Do it on another "
                "device, or have an owner run `exogpu role NODE member`",
      .code = "not_for_this_role"});
}

Error no_longer_welcome() { return {ErrorCode::unauthenticated, "the API key was revoked, or has expired"}; }

std::unexpected<ApiError> Door::wrong_key(const RequestView& request, std::string message, Time now) {
  attempts_.failed(request.address, now);
  if (const auto line = attempts_.report(now)) log::warning("api", "{}", *line);
  return std::unexpected(unauthorized(std::move(message)));
}

Parsed<Principal> Door::identify(const RequestView& request, Time now) {
  const std::string_view presented = presented_key(request.authorization, request.api_key);
  if (node::AccessKeys::is_key(presented)) {
    auto key = keys_->check(presented, std::chrono::system_clock::now());
    if (key) return Principal{.key = *std::move(key), .authenticated = true};
    if (const auto wait = attempts_.wait(request.address, now)) return std::unexpected(too_many_attempts(*wait));
    return wrong_key(request, key.error().message, now);
  }
  const bool open = options_->api_keys.empty() && (request.from_this_machine || options_->no_auth);
  if (!open) {
    const auto wait = presented.empty() ? std::nullopt : attempts_.wait(request.address, now);
    if (wait) return std::unexpected(too_many_attempts(*wait));
  }
  // All are compared, so that the time tells nothing.
  bool own = false;
  for (const std::string& key : options_->api_keys) own |= !presented.empty() && equal_secrets(presented, key);
  if (own) return Principal{.key = {}, .authenticated = true};
  if (!open && !presented.empty()) return wrong_key(request, "the API key is wrong", now);
  if (!open) {
    return std::unexpected(
        unauthorized(request.authorization.empty() && request.api_key.empty()
                         ? "the API key is missing; send it as \"Authorization: Bearer KEY\" or as \"x-api-key: KEY\"; "
                           "`exogpu keys add NAME` makes one on a machine of the cluster"
                         : "the API key is wrong"));
  }
  if (!host_allowed(request.host, *options_)) return std::unexpected(foreign_host(request.host));
  return Principal{};
}

Parsed<Principal> Door::admit(const RequestView& request, const std::optional<wire::Scope>& scope, Time now) {
  EXO_TRY(Principal principal, identify(request, now));
  if (scope && !principal.may(*scope)) {
    return std::unexpected(
        ApiError{.status = 403,
                 .message = std::format("the API key {} may not do this: it has the scopes {}, and this needs {}",
                                        principal.key->name, principal.key->scopes.text(), to_string(*scope)),
                 .code = "insufficient_scope"});
  }
  if (principal.key) EXO_CHECK(count_request(*principal.key, now));
  return principal;
}

Door::Use& Door::use_of(const wire::AccessKey& key, Time now) {
  Use& use = uses_[key.id];
  const double passed = use.at == Time{} ? 0 : std::chrono::duration<double>(now - use.at).count();
  use.requests = std::max(0.0, use.requests - passed * key.requests_per_minute / kMinute);
  use.tokens = std::max(0.0, use.tokens - passed * static_cast<double>(key.tokens_per_day) / kDay);
  use.at = now;
  return use;
}

Parsed<void> Door::count_request(const wire::AccessKey& key, Time now) {
  if (key.requests_per_minute == 0 && key.tokens_per_day == 0) return {};
  Use& use = use_of(key, now);
  const double tokens_over = use.tokens - static_cast<double>(key.tokens_per_day);
  if (key.tokens_per_day > 0 && tokens_over >= 0) {
    return std::unexpected(too_often(key, std::format("{} tokens a day", key.tokens_per_day),
                                     std::max(1.0, tokens_over * kDay / static_cast<double>(key.tokens_per_day))));
  }
  if (key.requests_per_minute == 0) return {};
  const double over = use.requests + 1 - key.requests_per_minute;
  if (over > 0) {
    return std::unexpected(too_often(key, std::format("{} requests a minute", key.requests_per_minute),
                                     over * kMinute / key.requests_per_minute));
  }
  use.requests += 1;
  return {};
}

void Door::count_tokens(const Principal& principal, uint64_t tokens, Time now) {
  if (principal.key && principal.key->tokens_per_day > 0) {
    use_of(*principal.key, now).tokens += static_cast<double>(tokens);
  }
}

bool Door::welcome(const Principal& principal) const {
  return !principal.key || keys_->valid(*principal.key, std::chrono::system_clock::now());
}

}  // namespace exogpu::api
