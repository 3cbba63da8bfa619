// The models folder: files from `exogpu pull` and files that the user put there, also in subfolders.
//
// A model's name is its path in the folder without ".gguf" (and "-00001-of-00003", for a split model):
// "ORG/REPO/NAME-Q4_K_M". Beside NAME.gguf there may be NAME.gguf.part, an incomplete download, and
// NAME.gguf.part.json, facts about it.
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
  std::vector<std::filesystem::path> files;       // the existing parts, in order
  std::vector<std::filesystem::path> unfinished;  // *.part
  uint32_t parts = 1;                             // of the complete model
  Bytes bytes = 0;                                // of all files above
  std::chrono::system_clock::time_point changed;  // the newest of its files
  std::chrono::system_clock::time_point used;     // as the system or mark_used() recorded it

  bool complete() const { return files.size() == parts; }
};

class Library {
 public:
  explicit Library(std::filesystem::path folder) : folder_(std::move(folder)) {}
  const std::filesystem::path& folder() const { return folder_; }

  // Sorted by name; empty if the folder does not exist. Errors: permission_denied, io_error.
  Result<std::vector<LibraryEntry>> list() const;

  // Finds a model, complete or not, by: its name; the last parts of its path ("NAME"), with or without ".gguf"; a
  // folder with one model ("ORG/REPO"); FOLDER:QUANTISATION.
  // Errors: not_found, with similar names; invalid_argument, if several models match.
  Result<LibraryEntry> find(std::string_view name) const;

  // Removes its files, and folders that become empty.
  // Errors: failed_precondition, while another process downloads it; permission_denied, io_error.
  Result<void> remove(const LibraryEntry& entry) const;

 private:
  std::filesystem::path folder_;
};

// The models folder: $EXOGPU_MODELS, else exogpu/models in $XDG_DATA_HOME or $HOME/.local/share. Empty if none of these
// is an absolute path.
std::filesystem::path default_library_folder(const char* exogpu_models, const char* xdg_data_home, const char* home);

// Records that the model is used now, by setting the file's access time, which most systems record only roughly. No
// effect without permission.
void mark_used(const LibraryEntry& entry);

}  // namespace exogpu::model
