#include "cli/open_model.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/utf8.h"

namespace exogpu::cli {

Result<model::Library> models_folder(const std::string& given) {
  if (!given.empty()) return model::Library(given);
  std::filesystem::path folder =
      model::default_library_folder(std::getenv("EXOGPU_MODELS"), std::getenv("XDG_DATA_HOME"), std::getenv("HOME"));
  if (folder.empty()) {
    return fail(ErrorCode::failed_precondition,
                "there is no models folder, since HOME is not set; name one with EXOGPU_MODELS");
  }
  return model::Library(std::move(folder));
}

Result<model::Gguf> open_model(const std::string& given) {
  std::error_code error;
  const bool exists = std::filesystem::exists(given, error);
  // Gguf::open() reports a file that exists and cannot be read.
  if (exists || (error && error != std::errc::no_such_file_or_directory)) return model::Gguf::open(given);
  auto library = models_folder();
  if (!library) return model::Gguf::open(given);
  auto entry = library->find(given);
  if (!entry && entry.error().code == ErrorCode::not_found) {
    return fail(ErrorCode::not_found, "{}: no such file; {}; `exogpu models` lists the models here", printable(given),
                entry.error().message);
  }
  if (!entry) return std::unexpected(std::move(entry).error());
  if (!entry->complete()) {
    return fail(ErrorCode::failed_precondition,
                "{}: {} of {} files of this model are here; download the rest with `exogpu pull`", entry->name,
                entry->files.size(), entry->parts);
  }
  EXO_TRY(model::Gguf file, model::Gguf::open(entry->files.front()));
  model::mark_used(*entry);
  return file;
}

}  // namespace exogpu::cli
