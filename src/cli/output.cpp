#include "cli/output.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio_ext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

namespace exogpu::cli {
namespace {

// The errno of the first failure; 0 for none.
std::atomic<int> output_failure = 0;

void record_output_failure() {
  int none = 0;
  output_failure.compare_exchange_strong(none, errno != 0 ? errno : EIO);
}

}  // namespace

void prepare_standard_streams() {
  signal(SIGPIPE, SIG_IGN);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) != -1 || errno != EBADF) continue;
    // Opened for the opposite direction, so that reading and writing fail as with a closed stream. open() uses the
    // lowest free number, which is this one.
    [[maybe_unused]] const int opened = open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

void write_out(std::string_view text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) record_output_failure();
}

void write_err(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

Result<void> flush_out() {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) record_output_failure();
  if (output_failure == 0) return {};
  return fail(ErrorCode::io_error, "cannot write to standard output: {}", std::strerror(output_failure));
}

void forget_out_failure() {
  __fpurge(stdout);
  std::clearerr(stdout);
  output_failure = 0;
}

}  // namespace exogpu::cli
