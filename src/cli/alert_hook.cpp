#include "cli/alert_hook.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <format>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "api/ask.h"
#include "base/host_port.h"
#include "base/log.h"

namespace exogpu::cli {
namespace {

constexpr std::string_view kHttp = "http://";
constexpr uint16_t kHttpPort = 80;

// No text of another machine may hold a NUL.
std::string variable(std::string_view name, std::string_view value) {
  std::string text = std::format("EXOGPU_ALERT_{}={}", name, value);
  std::erase(text, '\0');
  return text;
}

std::vector<std::string> environment_of(const wire::Alert& alert, bool begun) {
  std::vector<std::string> variables;
  for (char** each = environ; *each != nullptr; ++each) variables.emplace_back(*each);
  variables.push_back(variable("STATE", begun ? "begins" : "ended"));
  variables.push_back(variable("NAME", alert.name));
  variables.push_back(variable("SEVERITY", to_string(alert.severity)));
  variables.push_back(variable("NODE", alert.node));
  variables.push_back(variable("SUBJECT", alert.subject));
  variables.push_back(variable("SUMMARY", alert.summary));
  variables.push_back(variable("CAUSE", alert.cause));
  variables.push_back(variable("REMEDY", alert.remedy));
  return variables;
}

// In a process group of its own, with no signal blocked. Absent: it could not be started.
std::optional<pid_t> start_shell(std::string command, std::vector<std::string> variables) {
  std::vector<char*> environment;
  for (std::string& each : variables) environment.push_back(each.data());
  environment.push_back(nullptr);
  std::string shell = "sh", option = "-c";
  char* arguments[] = {shell.data(), option.data(), command.data(), nullptr};
  posix_spawnattr_t attributes;
  if (posix_spawnattr_init(&attributes) != 0) return std::nullopt;
  sigset_t none{};
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  pid_t process = 0;
  const int failure = posix_spawn(&process, "/bin/sh", nullptr, &attributes, arguments, environment.data());
  posix_spawnattr_destroy(&attributes);
  if (failure == 0) return process;
  log::warning("cli", "the command of --on-alert: {}", std::strerror(failure));
  return std::nullopt;
}

}  // namespace

std::string alert_hook_json(const wire::Alert& alert, bool begun) {
  const nlohmann::ordered_json json = {{"state", begun ? "begins" : "ended"},
                                       {"name", alert.name},
                                       {"severity", to_string(alert.severity)},
                                       {"since_unix_s", static_cast<double>(alert.since_unix_ms) / 1000},
                                       {"node", alert.node},
                                       {"subject", alert.subject},
                                       {"summary", alert.summary},
                                       {"cause", alert.cause},
                                       {"remedy", alert.remedy}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<std::unique_ptr<AlertHook>> AlertHook::create(const std::string& target) {
  if (target.starts_with("https://")) {
    return fail(
        ErrorCode::invalid_argument,
        "--on-alert posts over http alone; for https give a command, such as `curl -d \"$EXOGPU_ALERT_NAME\" URL`");
  }
  if (!target.starts_with(kHttp)) return std::unique_ptr<AlertHook>(new AlertHook(target, std::nullopt));
  const std::string rest = target.substr(kHttp.size());
  const size_t slash = rest.find('/');
  EXO_TRY(const HostPort at, parse_host_port(rest.substr(0, slash), kHttpPort, "--on-alert"));
  return std::unique_ptr<AlertHook>(new AlertHook(
      {}, Address{.host = at.host, .port = at.port, .path = slash == std::string::npos ? "/" : rest.substr(slash)}));
}

AlertHook::AlertHook(std::string command, std::optional<Address> address)
    : command_(std::move(command)), address_(std::move(address)), thread_([this] { run(); }) {}

AlertHook::~AlertHook() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
  }
  more_.notify_all();
  thread_.join();
}

void AlertHook::tell(const wire::Alert& alert, bool begun) {
  const MutexLock lock(mutex_);
  if (waiting_.size() >= kWaitingMax) return;
  waiting_.push_back({.alert = alert, .begun = begun});
  more_.notify_all();
}

bool AlertHook::stopping() const {
  const MutexLock lock(mutex_);
  return stop_;
}

void AlertHook::run() {
  for (;;) {
    Event event;
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !stop_) more_.wait(lock);
      if (stop_) return;
      event = std::move(waiting_.front());
      waiting_.pop_front();
    }
    if (address_) {
      post(event);
    } else {
      run_command(event);
    }
  }
}

// A command that is still running when this ends goes on by itself.
void AlertHook::run_command(const Event& event) {
  const auto process = start_shell(command_, environment_of(event.alert, event.begun));
  if (!process) return;
  const auto until = std::chrono::steady_clock::now() + kCommandMax;
  for (int status = 0;;) {
    const pid_t ended = ::waitpid(*process, &status, WNOHANG);
    if (ended != 0) return;
    if (std::chrono::steady_clock::now() >= until) {
      log::warning("cli", "the command of --on-alert takes longer than {} s, and is ended", kCommandMax.count());
      ::kill(-*process, SIGKILL);
      ::waitpid(*process, &status, 0);
      return;
    }
    if (stopping()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void AlertHook::post(const Event& event) const {
  const auto reply = api::post({.host = address_->host, .port = address_->port}, address_->path,
                               alert_hook_json(event.alert, event.begun), std::chrono::seconds(5));
  if (!reply) {
    log::warning("cli", "--on-alert: {}", reply.error().message);
  } else if (reply->status >= 300) {
    log::warning("cli", "--on-alert: {}:{} answers with status {}", address_->host, address_->port, reply->status);
  }
}

}  // namespace exogpu::cli
