// A program that runs beside this one and ends with it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace exogpu::cli {

class Child {
 public:
  // Runs this program's own file with these arguments; its standard error goes to `log`.
  // Errors: io_error.
  static Result<Child> start(const std::vector<std::string>& arguments, const std::filesystem::path& log);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  // Asks it to end, and ends it when it has not after five seconds.
  ~Child();

  // The first line that it writes to standard output. Errors: unavailable, with the end of its log, when it ends
  // before.
  Result<std::string> first_line();

 private:
  Child(int process, int output, std::filesystem::path log)
      : process_(process), output_(output), log_(std::move(log)) {}
  int process_;
  int output_;
  std::filesystem::path log_;
};

}  // namespace exogpu::cli
