#include "cli/demo/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

extern char** environ;

namespace exogpu::cli {

Result<Child> Child::start(const std::vector<std::string>& arguments, const std::filesystem::path& log) {
  std::array<int, 2> output{};
  if (pipe2(output.data(), O_CLOEXEC) != 0) return fail(ErrorCode::io_error, "a pipe: {}", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  std::vector<std::string> owned = {"exogpu"};
  owned.insert(owned.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : owned) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t process = 0;
  const int error = posix_spawn(&process, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(output[1]);
  if (error != 0) {
    close(output[0]);
    return fail(ErrorCode::io_error, "a second exogpu could not be started: {}", std::strerror(error));
  }
  return Child(process, output[0], log);
}

Child::Child(Child&& other) noexcept
    : process_(std::exchange(other.process_, -1)),
      output_(std::exchange(other.output_, -1)),
      log_(std::move(other.log_)) {}

Child::~Child() {
  if (process_ < 0) return;
  kill(process_, SIGTERM);
  close(output_);
  for (int i = 0; i < 500; ++i) {
    if (waitpid(process_, nullptr, WNOHANG) != 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

Result<std::string> Child::first_line() {
  std::string line;
  char byte = 0;
  while (read(output_, &byte, 1) == 1) {
    if (byte == '\n') return line;
    line += byte;
  }
  std::ifstream log(log_);
  std::string said{std::istreambuf_iterator<char>(log), {}};
  if (said.size() > 1000) said.erase(0, said.size() - 1000);
  return fail(ErrorCode::unavailable, "a node did not start: {}", said);
}

}  // namespace exogpu::cli
