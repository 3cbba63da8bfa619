// The files that sensors are read from, kept open, and the folders they stand in, remembered: so a reading costs a
// system call for each value, and no search.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace exogpu::gpu {

// One thread at a time. Any file may be missing, unreadable, or have any content: then there is no value.
class SensorFiles {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `remember`: for so long it is not noticed that files come and constants change; 0: everything is looked up again
  // after each begin().
  explicit SensorFiles(std::filesystem::path root, std::chrono::milliseconds remember = {});
  ~SensorFiles();
  SensorFiles(SensorFiles&& other) noexcept;
  SensorFiles& operator=(SensorFiles&&) = delete;

  // A reading begins: forgets what is remembered for too long.
  void begin(Time now);

  const std::filesystem::path& root() const { return root_; }  // the parent of sys and proc

  // What the file has now: up to 4 KiB, without blanks around it; a single decimal number.
  std::optional<std::string> text(const std::filesystem::path& file);
  std::optional<int64_t> integer(const std::filesystem::path& file);
  // Of a file that does not change: what it had when it was remembered.
  std::string fixed_text(const std::filesystem::path& file);  // empty: none
  std::optional<int64_t> fixed_integer(const std::filesystem::path& file);
  // The entries of a folder whose names begin with `prefix`, by name, as they were when they were remembered.
  const std::vector<std::filesystem::path>& entries(const std::filesystem::path& folder, std::string_view prefix);

 private:
  struct Open {
    int descriptor = -1;  // -1: it cannot be read
  };
  void forget();
  std::optional<std::string> read(const std::filesystem::path& file);

  std::filesystem::path root_;
  std::chrono::milliseconds remember_;
  std::optional<Time> remembered_at_;
  std::unordered_map<std::string, Open> open_;
  std::unordered_map<std::string, std::optional<std::string>> fixed_;
  std::unordered_map<std::string, std::vector<std::filesystem::path>> folders_;
};

}  // namespace exogpu::gpu
