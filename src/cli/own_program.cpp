#include "cli/own_program.h"

#ifdef __linux__
#include <sys/auxv.h>
#endif

#include <filesystem>
#include <fstream>

namespace exogpu::cli {
namespace {

constexpr const char* kSelf = "/proc/self/exe";

std::vector<std::string> read_command_line() {
  std::vector<std::string> words;
  std::ifstream in("/proc/self/cmdline");
  for (std::string word; std::getline(in, word, '\0');) words.push_back(std::move(word));
  return words;
}

// Without /proc, the name by which the system ran the program; it is right until the working directory changes.
std::string executed_name() {
#ifdef __linux__
  if (const auto* name = reinterpret_cast<const char*>(getauxval(AT_EXECFN)); name != nullptr) return name;
#endif
  return kSelf;
}

std::vector<std::string>& remembered() {
  static std::vector<std::string> command{kSelf};
  return command;
}

}  // namespace

std::vector<std::string> own_command_of(std::span<const std::string> command_line, size_t argc) {
  if (argc == 0 || command_line.size() < argc) return {};
  std::vector<std::string> words{kSelf};
  // The loader's options, and the program as the loader was given it.
  const size_t before = command_line.size() - argc;
  if (before > 0)
    words.insert(words.end(), command_line.begin() + 1, command_line.begin() + static_cast<long>(before) + 1);
  return words;
}

void remember_own_command(int argc) {
  std::error_code ignored;
  auto command = own_command_of(read_command_line(), argc > 0 ? static_cast<size_t>(argc) : 0);
  if (command.empty() || !std::filesystem::exists(kSelf, ignored)) command = {executed_name()};
  remembered() = std::move(command);
}

const std::vector<std::string>& own_command() { return remembered(); }

}  // namespace exogpu::cli
