// exogpu audit: shows and verifies the record of who did what at a node.
#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/utf8.h"
#include "cli/api_options.h"
#include "cli/command.h"
#include "cli/output.h"
#include "security/audit/chain.h"

namespace exogpu::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::seconds kAuditReply{30};
constexpr std::chrono::milliseconds kFollowEvery{500};

struct AuditOptions {
  ApiOptions api;
  bool follow = false, json = false;
  uint32_t lines = 100;
  std::string folder;
  std::vector<std::string> with;
};

Result<Json> fetch(const AuditOptions& options, const std::string& path) {
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  EXO_TRY(const std::string reply, body_of(api::get(at, path, kAuditReply)));
  Json out = Json::parse(reply, nullptr, false);
  if (!out.is_object()) return fail(ErrorCode::corrupt, "the API sent an audit that is no JSON");
  return out;
}

std::string text_in(const Json& entry, const char* field) {
  const auto found = entry.find(field);
  return found != entry.end() && found->is_string() ? printable(found->get<std::string>()) : std::string();
}

void show(const Json& entry, bool json) {
  if (json || !entry.is_object()) return println_out("{}", entry.dump(-1, ' ', false, Json::error_handler_t::replace));
  const std::string from = text_in(entry, "from");
  println_out("{}  {:<14} {:<24} {}{}  {}", text_in(entry, "time"),
              text_in(entry, "who") + (from.empty() ? "" : " (" + from + ")"), text_in(entry, "action"),
              text_in(entry, "what"), text_in(entry, "what").empty() ? "-" : "", text_in(entry, "result"));
}

Result<void> show_audit(const AuditOptions& options) {
  std::string path = std::format("/v1/audit?limit={}", options.lines);
  uint64_t next = 1;
  for (;;) {
    EXO_TRY(const Json reply, fetch(options, path));
    for (const Json& entry : reply.value("entries", Json::array())) {
      show(entry, options.json);
      if (entry.is_object()) next = std::max(next, entry.value("n", uint64_t{0}) + 1);
    }
    if (!options.follow) return {};
    EXO_CHECK(flush_out());
    std::this_thread::sleep_for(kFollowEvery);
    path = std::format("/v1/audit?limit=1000&from={}", next);
  }
}

// What the chains of other nodes, copied here, say of the one in `node`.
Result<std::vector<security::AuditWitness>> witnesses_in(const std::vector<std::string>& folders, wire::NodeId node) {
  std::vector<security::AuditWitness> seen;
  for (const std::string& folder : folders) {
    EXO_TRY(const security::AuditReport theirs, security::verify_audit(folder, nullptr, {}));
    if (!theirs.problems.empty()) {
      return fail(ErrorCode::corrupt, "{}: this audit cannot serve as a witness: {}", folder,
                  theirs.problems.front().what);
    }
    EXO_CHECK(security::for_each_audit_line(folder, [&](std::string_view line) {
      const Json entry = Json::parse(line, nullptr, false);
      if (!entry.is_object() || !entry.contains("anchor")) return true;
      const Json& anchor = entry["anchor"];
      const auto hash = wire::AuditHash::parse(text_in(anchor, "hash"));
      if (hash && text_in(anchor, "node") == node.text()) {
        seen.push_back({.by = folder, .point = {.number = anchor.value("n", uint64_t{0}), .hash = *hash}});
      }
      return true;
    }));
  }
  return seen;
}

Result<Json> verify_folder(const AuditOptions& options) {
  EXO_TRY(security::AuditReport report, security::verify_audit(options.folder, nullptr, {}));
  EXO_TRY(const auto seen, witnesses_in(options.with, report.node));
  EXO_TRY(report, security::verify_audit(options.folder, nullptr, seen));
  Json problems = Json::array();
  for (const auto& problem : report.problems) problems.push_back({{"entry", problem.entry}, {"what", problem.what}});
  return Json{{"node", report.node.text()},
              {"first", report.first},
              {"last", report.last},
              {"witnessed", report.witnessed},
              {"problems", std::move(problems)}};
}

Result<void> verify_audit_of(const AuditOptions& options) {
  EXO_TRY(const Json report, options.folder.empty() ? fetch(options, "/v1/audit/verify") : verify_folder(options));
  const Json problems = report.value("problems", Json::array());
  if (options.json) {
    println_out("{}", report.dump(2));
  } else {
    for (const Json& problem : problems) {
      println_out("entry {}: {}", problem.value("entry", uint64_t{0}), text_in(problem, "what"));
    }
  }
  if (!problems.empty()) {
    return fail(ErrorCode::corrupt, "the audit of node {} has been tampered with", text_in(report, "node"));
  }
  if (options.json) return {};
  const uint64_t witnessed = report.value("witnessed", uint64_t{0});
  println_out("The audit of node {} is whole: entries {} to {}.", text_in(report, "node"),
              report.value("first", uint64_t{0}), report.value("last", uint64_t{0}));
  if (witnessed > 0) {
    println_out("Other nodes have seen it up to entry {}.", witnessed);
  } else {
    println_out("No other node has seen it yet, so an end that was cut off would not show.");
  }
  return {};
}

}  // namespace

void add_audit(CLI::App& app, Action& action) {
  auto options = std::make_shared<AuditOptions>();
  auto* command = app.add_subcommand("audit", "Show who did what at a node, and verify that nobody changed the record");
  command->require_subcommand(0, 1);
  command->footer(
      "Each node records what is changed through it: keys, joins, loads, drains, refusals; of requests for texts only\n"
      "how many and how long. Example: exogpu audit --follow");
  command->add_flag("--follow,-f", options->follow, "Go on with what happens from now on");
  command->add_flag("--json", options->json, "Print the entries as they are, one JSON object a line");
  command->add_option("--lines,-n", options->lines, "How many of the last entries")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  add_api_options(*command, options->api);
  auto* verify = command->add_subcommand("verify", "Find entries that were changed, removed, reordered or forged");
  verify->add_option("--folder", options->folder, "Verify a copy of a node's audit folder instead, without a node")
      ->type_name("DIR");
  verify
      ->add_option("--with", options->with,
                   "The audit folder of another node, which has seen that one; may be repeated")
      ->type_name("DIR")
      ->needs("--folder");
  verify->add_flag("--json", options->json, "Print JSON");
  add_api_options(*verify, options->api);
  command->callback([options, command, &action] {
    if (command->get_subcommands().empty()) action = [options] { return show_audit(*options); };
  });
  verify->callback([options, &action] { action = [options] { return verify_audit_of(*options); }; });
}

}  // namespace exogpu::cli
