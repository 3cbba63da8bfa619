// The folder of models: what `exogpu pull` fetched and what its owner put there, in folders or not.
//
// A model's name is its path in the folder without ".gguf", of a split model also without "-00001-of-00003":
// "ORG/REPO/NAME-Q4_K_M". Beside NAME.gguf may stand NAME.gguf.part, which is being fetched or was broken off, and
// NAME.gguf.part.json, what was known about it.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace exogpu::model {

inline constexpr std::string_view kUnfinishedEnding = ".part";
inline constexpr std::string_view kUnfinishedFactsEnding = ".part.json";

struct LibraryEntry {
  std::string name;
  std::vector<std::filesystem::path> files;       // its parts in order, as far as they are there
  std::vector<std::filesystem::path> unfinished;  // *.part
  uint32_t parts = 1;                             // that it should have
  Bytes bytes = 0;                                // of all these files
  std::chrono::system_clock::time_point changed;  // the newest of its files
  std::chrono::system_clock::time_point used;     // as far as the system, or mark_used(), says

  bool complete() const { return files.size() == parts; }
};

class Library {
 public:
  explicit Library(std::filesystem::path folder) : folder_(std::move(folder)) {}
  const std::filesystem::path& folder() const { return folder_; }

  // By name. Of a folder that does not exist: nothing. Errors: permission_denied, io_error.
  Result<std::vector<LibraryEntry>> list() const;

  // The model that `name` stands for, complete or not: its name, or the end of it from a folder's begin ("NAME"); with
  // ".gguf" or without; a folder that holds one model ("ORG/REPO"); FOLDER:QUANTISATION.
  // Errors: not_found, with names that are near; invalid_argument when it stands for several.
  Result<LibraryEntry> find(std::string_view name) const;

  // Removes its files and the folders that this leaves empty.
  // Errors: failed_precondition while another process fetches it; permission_denied, io_error.
  Result<void> remove(const LibraryEntry& entry) const;

 private:
  std::filesystem::path folder_;
};

// Where models are, from the environment: $EXOGPU_MODELS, else exogpu/models in $XDG_DATA_HOME or in
// $HOME/.local/share. Empty when none of them is an absolute path.
std::filesystem::path default_library_folder(const char* exogpu_models, const char* xdg_data_home, const char* home);

// Notes that the model has been used just now: sets the time of access, which most systems keep only roughly. Where
// this is not allowed nothing happens.
void mark_used(const LibraryEntry& entry);

}  // namespace exogpu::model
