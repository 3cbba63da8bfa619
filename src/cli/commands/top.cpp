// exogpu top: shows devices, stages and alerts, again and again.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>
#include <tuple>
#include <utility>

#include "base/utf8.h"
#include "cli/api_options.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/top/terminal.h"
#include "cli/top/view.h"

namespace exogpu::cli {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kWithin{5000}, kRefresh{1000}, kFirstTelemetry{1200};

struct Options {
  ApiOptions api;
  bool once = false;
  bool json = false;
};

Result<Json> fetch(const api::ApiAddress& at, const std::string& path) {
  EXO_TRY(const std::string body, body_of(api::get(at, path, kWithin)));
  Json json = Json::parse(body, nullptr, false);
  if (json.is_object()) return json;
  return fail(ErrorCode::corrupt, "{}:{} is not the API of an exogpu node; name another address with --api HOST:PORT",
              at.host, at.port);
}

Result<TopInput> fetch_all(const api::ApiAddress& at) {
  TopInput input;
  EXO_TRY(input.cluster, fetch(at, "/v1/cluster"));
  EXO_TRY(input.telemetry, fetch(at, "/v1/telemetry?history_s=120"));
  EXO_TRY(input.alerts, fetch(at, "/v1/alerts"));
  return input;
}

// A follower has the telemetry of the other nodes a moment after it was asked for it.
Result<TopInput> fetch_complete(const api::ApiAddress& at) {
  const auto until = Clock::now() + 3 * kFirstTelemetry;
  for (;;) {
    EXO_TRY(TopInput input, fetch_all(at));
    if (input.telemetry.value("complete", Json(true)) == Json(true) || Clock::now() >= until) return input;
    std::this_thread::sleep_for(milliseconds(200));
  }
}

// Returns what to say to the user.
std::string send(const api::ApiAddress& at, const std::string& path, const Json& body, const std::string& done) {
  const auto sent = post_json(at, path, body, kWithin);
  return sent ? done : printable(sent.error().message);
}

// A name that is being typed for a key.
struct Question {
  char key = 0;  // 'd' or 'u'; 0: none
  std::string typed{};
};

std::string prompt_of(const Question& question, const std::string& said) {
  if (question.key == 'd') return "drain which node? " + printable(question.typed);
  if (question.key == 'u') return "unload which model? " + printable(question.typed);
  return said;
}

// One more key of the name; the answer once it is complete.
std::string answer(Question& question, char key, const api::ApiAddress& at) {
  if (key == 27) {
    question = {};
  } else if (key == 127 || key == 8) {
    if (!question.typed.empty()) question.typed.pop_back();
  } else if (key != '\n' && key != '\r') {
    question.typed += key;
  } else {
    const Question asked = std::exchange(question, {});
    if (asked.typed.empty()) return {};
    if (asked.key == 'd') {
      return send(at, "/v1/cluster/drain", {{"node", asked.typed}, {"draining", true}}, asked.typed + " is drained");
    }
    return send(at, "/v1/models/unload", {{"model", asked.typed}}, asked.typed + " is unloaded");
  }
  return {};
}

Result<void> watch(const api::ApiAddress& at) {
  TopTerminal terminal;
  TopLayout layout{.utf8 = locale_is_utf8()};
  Question question;
  std::string said;
  EXO_TRY(TopInput input, fetch_all(at));
  for (auto due = Clock::now() + kRefresh;;) {
    std::tie(layout.columns, layout.lines) = TopTerminal::size();
    layout.prompt = prompt_of(question, said);
    terminal.show(top_text(input, layout));
    EXO_CHECK(flush_out());
    const auto left = std::max(milliseconds(0), std::chrono::ceil<milliseconds>(due - Clock::now()));
    if (const auto key = TopTerminal::key(left)) {
      if (question.key != 0) {
        said = answer(question, *key, at);
      } else if (*key == 'q') {
        break;
      } else if (*key == 's') {
        layout.order = next(layout.order);
      } else if (*key == 'd' || *key == 'u') {
        question.key = *key;
      }
      continue;
    }
    EXO_TRY(input, fetch_all(at));
    due = Clock::now() + kRefresh;
  }
  println_out("");
  return {};
}

Result<void> top(const Options& options) {
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  const bool once = options.once || options.json;
  if (!once && ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0) return watch(at);
  EXO_TRY(const TopInput input, fetch_complete(at));
  if (options.json) {
    const Json all = {{"cluster", input.cluster}, {"telemetry", input.telemetry}, {"alerts", input.alerts["alerts"]}};
    println_out("{}", all.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    write_out(top_report(input, {.utf8 = locale_is_utf8()}));
  }
  return {};
}

}  // namespace

void add_top(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("top", "Watch the devices of the cluster, their stages and requests");
  command->footer(
      "Keys: s sorts by the next column, d drains a node, u unloads a model, q ends. FIT is the suitability; an\n"
      "exclamation mark behind a temperature means that the device is slower than it could be (docs/telemetry.md).");
  command->add_flag("--once", options->once, "Print once, as where the output is no terminal");
  command->add_flag("--json", options->json, "Print once, as JSON");
  add_api_options(*command, options->api);
  command->callback([options, &action] { action = [options] { return top(*options); }; });
}

}  // namespace exogpu::cli
