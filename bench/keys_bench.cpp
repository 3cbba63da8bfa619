// Whether the time that a wrong API key takes tells how it is wrong, and what keys, roles and the audit cost a request.
//
//   keys_bench [FOLDER]     FOLDER: for the keys and an audit; a new one below /tmp
//
// 100,000 wrong keys of four kinds, in random order: of an id that does not exist, and of one that does with a secret
// that is wrong from its first digit on, from the middle on, and in the last digit alone. Each kind's median and upper
// decile, and Welch's t of its means against those of the first kind, without the slowest tenth (as dudect does:
// Reparaz, Balasch and Verbauwhede 2017). |t| below 4.5 is no difference that so many samples show. The door's clock
// advances by a minute for each, so that none is throttled.
//
// The cost: all that the door, the role of the node and the audit do for one request with a key that has limits,
// patterns of models and of devices, among 100 keys.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <print>
#include <random>
#include <string>
#include <vector>

#include "api/door.h"
#include "api/routes.h"
#include "base/log.h"
#include "node/access_keys.h"
#include "node/audit.h"
#include "security/authority.h"
#include "security/identity.h"

namespace {

using namespace exogpu;
using Clock = std::chrono::steady_clock;

constexpr size_t kWrongKeys = 100'000;
constexpr size_t kRequests = 100'000;
constexpr int kKeys = 100;

double ns_since(Clock::time_point begun) {
  return std::chrono::duration<double, std::nano>(Clock::now() - begun).count();
}

struct Kind {
  const char* name;
  std::string key;
  std::vector<double> ns{};
};

// Another hexadecimal digit in the place of each from this one on.
std::string changed_from(std::string key, size_t at, size_t count = std::string::npos) {
  for (size_t i = at; i < key.size() && i - at < count; ++i) key[i] = key[i] == '0' ? '1' : '0';
  return key;
}

struct Moments {
  double mean = 0, variance = 0;
};

// Of the sorted samples without the slowest tenth.
Moments moments(const std::vector<double>& sorted) {
  const size_t count = sorted.size() * 9 / 10;
  Moments of;
  for (size_t i = 0; i < count; ++i) of.mean += sorted[i] / static_cast<double>(count);
  for (size_t i = 0; i < count; ++i) of.variance += std::pow(sorted[i] - of.mean, 2) / static_cast<double>(count - 1);
  of.variance /= static_cast<double>(count);  // of the mean
  return of;
}

api::RequestView request_with(std::string_view key) {
  return {.method = "POST", .target = "/v1/completions", .host = "desk.local", .api_key = key, .address = "192.0.2.7"};
}

void compare(api::Door& door, std::vector<Kind> kinds) {
  std::mt19937 draw(1);
  api::Door::Time now{std::chrono::hours(1)};
  for (size_t i = 0; i < kWrongKeys; ++i) {
    Kind& kind = kinds[draw() % kinds.size()];
    now += std::chrono::minutes(11);  // the last one is forgotten
    const auto begun = Clock::now();
    const auto admitted = door.admit(request_with(kind.key), wire::Scope::chat, now);
    kind.ns.push_back(ns_since(begun));
    if (admitted || admitted.error().status != 401) {
      std::println(stderr, "{}: it was not refused as a wrong key", kind.name);
      std::exit(1);
    }
  }
  for (Kind& kind : kinds) std::ranges::sort(kind.ns);
  const Moments first = moments(kinds.front().ns);
  for (const Kind& kind : kinds) {
    const Moments own = moments(kind.ns);
    const double t = (own.mean - first.mean) / std::sqrt(own.variance + first.variance);
    std::println("{:44} {:6} samples  median {:6.0f} ns  upper decile {:6.0f} ns  t {:+5.2f}", kind.name,
                 kind.ns.size(), kind.ns[kind.ns.size() / 2], kind.ns[kind.ns.size() * 9 / 10], t);
  }
}

void measure_cost(api::Door& door, node::Audit& audit, const std::string& key) {
  const api::Route route{.path = "/v1/completions", .method = "POST", .handle = nullptr, .scope = wire::Scope::chat};
  std::vector<double> ns;
  for (size_t i = 0; i < kRequests; ++i) {
    const auto begun = Clock::now();
    const auto principal = door.admit(request_with(key), route.scope, begun);
    const bool may = principal && api::check_role(wire::Role::member, route) && principal->may_use("qwen3-8b") &&
                     principal->may_use_device("desk/cuda0") && door.welcome(*principal);
    if (!may) {
      std::println(stderr, "a request with a key was refused");
      std::exit(1);
    }
    door.count_tokens(*principal, 100, begun);
    audit.count(principal->key->name, "192.0.2.7", {.requests = 1, .tokens = 100});
    ns.push_back(ns_since(begun));
  }
  std::ranges::sort(ns);
  std::println("keys, role and audit of a request: median {:.2f} us, upper decile {:.2f} us, slowest of {} {:.1f} us",
               ns[ns.size() / 2] / 1e3, ns[ns.size() * 9 / 10] / 1e3, ns.size(), ns.back() / 1e3);
}

}  // namespace

int main(int argc, char** argv) {
  if (!log::start({.level = log::Level::off, .node = {}})) return 1;  // of wrong keys, which are meant
  std::string folder = argc > 1 ? argv[1] : "/tmp/keys-bench-XXXXXX";
  if (argc < 2 && mkdtemp(folder.data()) == nullptr) return 1;
  const auto authority = security::Authority::create(std::chrono::system_clock::now());
  const auto identity = security::Identity::issue(*authority, std::chrono::system_clock::now());
  const auto keys = node::AccessKeys::open(folder, identity->cluster());
  const auto audit = node::Audit::open(folder, *identity);
  if (!identity || !keys || !audit) {
    std::println(stderr, "{}: cannot be used", folder);
    return 1;
  }
  std::string key;
  for (int i = 0; i < kKeys; ++i) {
    node::AccessKeyTerms terms{.name = std::format("key {}", i), .scopes = {wire::Scope::chat}, .devices = {"desk/*"}};
    terms.models = {"llama*", "qwen*"};
    terms.requests_per_minute = 4'000'000'000;
    terms.tokens_per_day = 1'000'000'000'000'000;
    key = (*keys)->make(terms, std::chrono::system_clock::now())->key;
  }
  const size_t secret = key.rfind('-') + 1, digits = key.size() - secret;
  const api::ServerOptions options;
  api::Door door(options, **keys);
  compare(door, {{.name = "an id that does not exist", .key = changed_from(key, secret - 17, 16)},
                 {.name = "wrong from the first digit on", .key = changed_from(key, secret)},
                 {.name = "wrong from the middle on", .key = changed_from(key, secret + digits / 2)},
                 {.name = "wrong in the last digit", .key = changed_from(key, key.size() - 1)}});
  measure_cost(door, **audit, key);
  if (argc < 2) std::filesystem::remove_all(folder);
  return 0;
}
