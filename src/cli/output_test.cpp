#include "cli/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace exogpu::cli {
namespace {

// The exit status of a process that runs `work`, which returns it.
int in_a_process(const std::function<int()>& work) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) _exit(work());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool fails_with(const Result<void>& written, std::string_view reason) {
  return !written && written.error().code == ErrorCode::io_error && written.error().message.contains(reason);
}

TEST(Output, AFullDiskIsAnErrorUntilItIsForgotten) {
  EXPECT_EQ(in_a_process([] {
              dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
              println_out("{} {}", "a", 1);
              const bool first = fails_with(flush_out(), "No space left on device");
              const bool again = fails_with(flush_out(), "No space left on device");
              forget_out_failure();
              return first && again && flush_out() ? 0 : 1;
            }),
            0);
}

TEST(Output, SoIsOneThatIsNoticedBeforeTheFlush) {
  EXPECT_EQ(in_a_process([] {
              dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
              print_out("{}", std::string(1 << 20, 'x'));
              return fails_with(flush_out(), "No space left on device") ? 0 : 1;
            }),
            0);
}

TEST(Output, AReaderThatEndsIsAnErrorAndNoSignal) {
  EXPECT_EQ(in_a_process([] {
              prepare_standard_streams();
              int ends[2];
              if (pipe(ends) != 0) return 2;
              dup2(ends[1], STDOUT_FILENO);
              dup2(ends[1], STDERR_FILENO);
              close(ends[0]);
              println_err("a message");  // lost
              println_out("a result");
              return fails_with(flush_out(), "Broken pipe") ? 0 : 1;
            }),
            0);
}

TEST(Output, AClosedStreamDoesNotLendItsNumber) {
  EXPECT_EQ(in_a_process([] {
              close(STDOUT_FILENO);
              close(STDERR_FILENO);
              close(STDIN_FILENO);
              prepare_standard_streams();
              const int file = open("/dev/null", O_RDWR);
              println_out("a result");
              return file > STDERR_FILENO && fails_with(flush_out(), "Bad file descriptor") ? 0 : 1;
            }),
            0);
}

}  // namespace
}  // namespace exogpu::cli
