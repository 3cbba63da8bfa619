// A program that runs beside this one and ends with it, also when this one is killed.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/demo/child_stop.h"

namespace exogpu::cli {

class Child {
 public:
  // Runs this program's own file with these arguments; its standard error goes to `log`. `stop` must outlive it. The
  // child gets SIGTERM when the calling thread ends, so only a thread that lives as long as the program may start one.
  // Errors: io_error.
  static Result<Child> start(const std::vector<std::string>& arguments, const std::filesystem::path& log,
                             ChildStop& stop);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  // Sends SIGTERM, and SIGKILL after five seconds.
  ~Child();

  // The first line of the child's standard output.
  // Errors: unavailable, with the end of its log, if the child ends before.
  Result<std::string> first_line();

 private:
  Child(pid_t process, int output, std::filesystem::path log, ChildStop& stop)
      : stop_(stop), process_(process), output_(output), log_(std::move(log)) {
    stop_.add(process_);
  }
  ChildStop& stop_;
  pid_t process_;
  int output_;
  std::filesystem::path log_;
};

}  // namespace exogpu::cli
