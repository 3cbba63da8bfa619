#include "gpu/layouts/child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include "gpu/text.h"

extern char** environ;

namespace exogpu::gpu {
namespace {

using ChildClock = std::chrono::steady_clock;

constexpr std::string_view kMark = "layout ";
constexpr size_t kReasonMax = 200;

// A process whose standard output and error are one pipe.
class Child {
 public:
  static Result<Child> start(const std::vector<std::string>& words) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(ErrorCode::io_error, "pipe: {}", std::strerror(errno));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    // Without a debugger's view of an abort, which would take seconds.
    std::string quiet = "GGML_NO_BACKTRACE=1";
    std::string marked = "EXOGPU_LAYOUT_CHECK=1";
    std::vector<char*> variables = {quiet.data(), marked.data()};
    for (char** each = environ; *each != nullptr; ++each) variables.push_back(*each);
    variables.push_back(nullptr);
    pid_t pid = 0;
    const int error = posix_spawn(&pid, words.front().c_str(), &actions, nullptr, arguments.data(), variables.data());
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (error == 0) return Child(pid, ends[0]);
    ::close(ends[0]);
    return fail(ErrorCode::io_error, "{}: {}", words.front(), std::strerror(error));
  }
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, 0)), out_(std::exchange(other.out_, -1)) {}
  Child& operator=(Child&&) = delete;
  ~Child() {
    if (out_ >= 0) ::close(out_);
    if (pid_ > 0) (void)end(true);
  }

  enum class Next { text, closed, timeout };
  // Appends what the process has written; waits for it until `deadline`.
  Next read(std::string& text, ChildClock::time_point deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - ChildClock::now()).count();
    pollfd waiting{.fd = out_, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<int64_t>(0, left)));
    if (ready < 0 && errno == EINTR) return Next::text;
    if (ready <= 0) return Next::timeout;
    std::array<char, 4096> buffer{};
    const ssize_t got = ::read(out_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) return Next::text;
    if (got <= 0) return Next::closed;
    text.append(buffer.data(), static_cast<size_t>(got));
    return Next::text;
  }

  // Waits for its end, which it is made to find with `kill`; how it ended, for people.
  std::string end(bool kill) {
    if (kill) ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    if (WIFSIGNALED(status)) return std::format("ended the process with signal {}", WTERMSIG(status));
    return std::format("ended the process with status {}", WEXITSTATUS(status));
  }

 private:
  Child(pid_t pid, int out) : pid_(pid), out_(out) {}
  pid_t pid_;
  int out_;
};

// How far one process came with a list of cases.
struct Progress {
  size_t done = 0;
  bool prepared = false;   // of the case `done`
  std::string last_words;  // what it wrote that is no line of a check
};

void take_line(std::string_view line, Progress& progress, std::span<LayoutVerdict> verdicts) {
  const auto said = check_line(line);
  if (!said || said->index != progress.done || progress.done >= verdicts.size()) {
    if (!trim(line).empty()) progress.last_words = std::string(trim(line).substr(0, kReasonMax));
    return;
  }
  progress.prepared = said->prepared;
  if (!said->prepared) verdicts[progress.done++] = said->verdict;
}

// Fills in the verdicts of the first cases, at least one, and returns how many.
size_t check_some(const CheckProgram& program, const Device& device, std::span<const LayoutCase> cases,
                  std::span<LayoutVerdict> verdicts) {
  std::vector<std::string> words = program.command;
  words.push_back(device.info().id);
  for (const LayoutCase& which : cases) words.push_back(to_string(which));
  auto child = Child::start(words);
  if (!child) {
    for (LayoutVerdict& verdict : verdicts) verdict = {LayoutState::unknown, child.error().message};
    return cases.size();
  }
  // A software renderer compiles the kernels of a case for up to a minute.
  const auto timeout = program.timeout * (device.info().software ? 10 : 1);
  Progress progress;
  std::string text;
  auto next = Child::Next::text;
  for (auto deadline = ChildClock::now() + timeout; next == Child::Next::text && progress.done < cases.size();) {
    const size_t before = progress.done;
    next = child->read(text, deadline);
    for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
      take_line(std::string_view(text).substr(0, end), progress, verdicts);
      text.erase(0, end + 1);
    }
    if (progress.done != before) deadline = ChildClock::now() + timeout;
  }
  const bool late = next == Child::Next::timeout;
  const std::string how = child->end(late || progress.done == cases.size());
  if (progress.done == cases.size()) return progress.done;
  std::string reason = late ? std::format("came to no end within {} s", timeout.count() / 1000) : how;
  if (!progress.last_words.empty()) reason += ": " + progress.last_words;
  verdicts[progress.done] = {progress.prepared ? LayoutState::wrong : LayoutState::unknown, std::move(reason)};
  return progress.done + 1;
}

}  // namespace

std::optional<CheckLine> check_line(std::string_view line) {
  if (!line.starts_with(kMark)) return std::nullopt;
  line.remove_prefix(kMark.size());
  CheckLine said;
  const auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), said.index);
  if (error != std::errc()) return std::nullopt;
  std::string_view words = trim(line.substr(static_cast<size_t>(rest - line.data())));
  const std::string_view word = words.substr(0, words.find(' '));
  said.prepared = word == "prepared";
  if (said.prepared) return said;
  const auto state = layout_state(word);
  if (!state) return std::nullopt;
  said.verdict = {*state, std::string(trim(words.substr(word.size())).substr(0, kReasonMax))};
  return said;
}

std::vector<LayoutVerdict> check_in_processes(const CheckProgram& program, const Device& device,
                                              std::span<const LayoutCase> cases) {
  std::vector<LayoutVerdict> verdicts(cases.size());
  for (size_t done = 0; done < cases.size();)
    done += check_some(program, device, cases.subspan(done), std::span(verdicts).subspan(done));
  return verdicts;
}

void answer_checks(const std::string& device, const std::vector<std::string>& cases) {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  (void)setrlimit(RLIMIT_CORE, &none);
  const auto say = [](size_t index, std::string text) {
    for (char& c : text)
      if (c == '\n') c = ' ';
    const std::string line = std::format("{}{} {}\n", kMark, index, text);
    std::fputs(line.c_str(), stdout);
    std::fflush(stdout);
  };
  const bool cpu = device == "cpu";
  const auto machine = Machine::discover({.backend = {}, .software = !cpu, .cpu_only = cpu});
  const auto found = machine ? machine->find(device) : Result<const Device*>(std::unexpected(machine.error()));
  for (size_t i = 0; i < cases.size(); ++i) {
    const auto which = layout_case(cases[i]);
    LayoutVerdict verdict;
    if (!found) {
      verdict.reason = found.error().message;
    } else if (!which) {
      verdict.reason = which.error().message;
    } else {
      verdict = check_layout(**found, *which, [&] { say(i, "prepared"); });
    }
    say(i, std::format("{} {}", to_string(verdict.state), verdict.reason));
  }
}

}  // namespace exogpu::gpu
