#include "cli/demo/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include "cli/own_program.h"

namespace exogpu::cli {

namespace {

// What a new process needs; created before it exists, since it may allocate no memory until it runs the program.
struct Launch {
  const char* program;
  std::vector<char*> argv;
  const char* log;
  int output;
  pid_t parent;
};

// In the child: runs the program. Returns only when that fails.
void execute(const Launch& launch) {
  // A parent that is killed takes the child along. It may have ended before this was set.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != launch.parent) _exit(EXIT_FAILURE);
  sigset_t none{};
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  const int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int log = open(launch.log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (dup2(input, STDIN_FILENO) < 0 || dup2(launch.output, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0) return;
  execv(launch.program, launch.argv.data());
}

}  // namespace

Result<Child> Child::start(const std::vector<std::string>& arguments, const std::filesystem::path& log,
                           ChildStop& stop) {
  std::array<int, 2> output{};
  if (pipe2(output.data(), O_CLOEXEC) != 0) return fail(ErrorCode::io_error, "a pipe: {}", std::strerror(errno));
  const std::string program = own_command().front();
  std::vector<std::string> owned = own_command();
  owned.front() = "exogpu";
  owned.insert(owned.end(), arguments.begin(), arguments.end());
  Launch launch{.program = program.c_str(), .argv = {}, .log = log.c_str(), .output = output[1], .parent = getpid()};
  for (std::string& argument : owned) launch.argv.push_back(argument.data());
  launch.argv.push_back(nullptr);
  const pid_t process = fork();
  if (process == 0) {
    execute(launch);
    _exit(EXIT_FAILURE);
  }
  const int error = errno;
  close(output[1]);
  if (process < 0) {
    close(output[0]);
    return fail(ErrorCode::io_error, "cannot start another exogpu process: {}", std::strerror(error));
  }
  return Child(process, output[0], log, stop);
}

Child::Child(Child&& other) noexcept
    : stop_(other.stop_),
      process_(std::exchange(other.process_, -1)),
      output_(std::exchange(other.output_, -1)),
      log_(std::move(other.log_)) {}

Child::~Child() {
  if (process_ < 0) return;
  stop_.remove(process_);
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
  std::string log_text{std::istreambuf_iterator<char>(log), {}};
  if (log_text.size() > 1000) log_text.erase(0, log_text.size() - 1000);
  return fail(ErrorCode::unavailable, "a node did not start: {}", log_text);
}

}  // namespace exogpu::cli
