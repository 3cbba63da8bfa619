#include "model/library.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>
#include <system_error>

#include "base/near_names.h"
#include "base/utf8.h"
#include "model/model_name.h"

namespace exogpu::model {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::system_clock;

constexpr int kDepthMax = 8;  // of folders, so that circular links end

std::unexpected<Error> system_error(const fs::path& path, std::error_code error) {
  const auto code = error == std::errc::permission_denied ? ErrorCode::permission_denied : ErrorCode::io_error;
  return fail(code, "{}: {}", path.string(), error.message());
}

Clock::time_point time_of(const timespec& t) {
  return Clock::time_point(std::chrono::duration_cast<Clock::duration>(std::chrono::seconds(t.tv_sec) +
                                                                       std::chrono::nanoseconds(t.tv_nsec)));
}

struct Found {
  LibraryEntry entry;
  std::map<uint32_t, fs::path> parts;
};

// Adds `file` if it is a model's.
void take(const fs::path& folder, const fs::path& file, std::map<std::string, Found>& found) {
  std::string relative = file.lexically_relative(folder).generic_string();
  const bool unfinished = relative.ends_with(kUnfinishedEnding);
  if (unfinished) relative.resize(relative.size() - kUnfinishedEnding.size());
  const FileName name = parse_file_name(relative);
  struct stat status{};
  if (name.stem.empty() || ::stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  // A part with another number of parts belongs to another model.
  Found& model = found[name.parts == 1 ? name.stem : name.stem + '\n' + std::to_string(name.parts)];
  LibraryEntry& entry = model.entry;
  entry.name = name.stem;
  entry.parts = name.parts;
  entry.bytes += static_cast<Bytes>(status.st_size);
  entry.changed = std::max(entry.changed, time_of(status.st_mtim));
  entry.used = std::max(entry.used, time_of(status.st_atim));
  if (unfinished) {
    entry.unfinished.push_back(file);
  } else {
    model.parts.emplace(name.index, file);
  }
}

std::string without_ending(std::string_view name) {
  const FileName parsed = parse_file_name(name);
  return parsed.stem.empty() ? std::string(name) : parsed.stem;
}

// The ways in which a name can match a model, the strictest first.
bool is_file(const LibraryEntry& entry, std::string_view name) {
  const FileName parsed = parse_file_name(name);
  return entry.name == parsed.stem && entry.parts == parsed.parts;
}
bool is_name(const LibraryEntry& entry, std::string_view name) { return entry.name == without_ending(name); }
bool is_end(const LibraryEntry& entry, std::string_view name) {
  return entry.name.ends_with("/" + without_ending(name));
}
bool is_folder(const LibraryEntry& entry, std::string_view name) {
  return ("/" + entry.name).contains("/" + std::string(name) + "/");
}
bool is_quantisation(const LibraryEntry& entry, std::string_view name) {
  const size_t colon = name.rfind(':');
  return colon != name.npos && is_folder(entry, name.substr(0, colon)) &&
         has_quantisation(entry.name, name.substr(colon + 1));
}

// Whether some process has the lock on the file, as a download does.
bool is_being_fetched(const fs::path& part) {
  const int fd = ::open(part.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool locked = ::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return locked;
}

Result<void> remove_file(const fs::path& file) {
  std::error_code error;
  fs::remove(file, error);
  if (error) return system_error(file, error);
  return {};
}

}  // namespace

Result<std::vector<LibraryEntry>> Library::list() const {
  std::error_code error;
  if (!fs::exists(folder_, error) && (!error || error == std::errc::no_such_file_or_directory)) {
    return std::vector<LibraryEntry>{};
  }
  auto at = fs::recursive_directory_iterator(folder_, fs::directory_options::skip_permission_denied, error);
  if (error) return system_error(folder_, error);
  std::map<std::string, Found> found;
  while (at != fs::recursive_directory_iterator()) {
    if (at.depth() >= kDepthMax) at.disable_recursion_pending();
    take(folder_, at->path(), found);
    at.increment(error);
    if (error) return system_error(folder_, error);
  }
  std::vector<LibraryEntry> entries;
  for (auto& [key, model] : found) {
    for (auto& [index, file] : model.parts) model.entry.files.push_back(std::move(file));
    entries.push_back(std::move(model.entry));
  }
  return entries;
}

Result<LibraryEntry> Library::find(std::string_view name) const {
  EXO_TRY(std::vector<LibraryEntry> entries, list());
  for (const auto& stands_for : {is_file, is_name, is_end, is_quantisation, is_folder}) {
    std::vector<LibraryEntry> meant;
    std::ranges::copy_if(entries, std::back_inserter(meant),
                         [&](const LibraryEntry& entry) { return stands_for(entry, name); });
    if (meant.size() == 1) return std::move(meant[0]);
    if (meant.empty()) continue;
    std::string several;
    for (const LibraryEntry& each : meant) several += (several.empty() ? "" : ", ") + printable(each.name);
    return fail(ErrorCode::invalid_argument, "{}: matches several models; name one of {}", printable(name), several);
  }
  std::vector<std::string> names;
  for (const LibraryEntry& entry : entries) {
    names.push_back(entry.name);
    if (const size_t slash = entry.name.rfind('/'); slash != entry.name.npos)
      names.push_back(entry.name.substr(slash + 1));
  }
  return fail(ErrorCode::not_found, "{}: no such model in {}{}", printable(name), folder_.string(),
              near_words(near_names(without_ending(name), names)));
}

Result<void> Library::remove(const LibraryEntry& entry) const {
  for (const fs::path& part : entry.unfinished) {
    if (!is_being_fetched(part)) continue;
    return fail(ErrorCode::failed_precondition, "{}: another exogpu process is downloading it; end that process first",
                entry.name);
  }
  for (const fs::path& file : entry.files) EXO_CHECK(remove_file(file));
  for (const fs::path& part : entry.unfinished) {
    EXO_CHECK(remove_file(part));
    fs::path facts = part;
    facts.replace_extension().concat(kUnfinishedFactsEnding);
    EXO_CHECK(remove_file(facts));
  }
  std::error_code not_empty;
  for (fs::path parent = fs::path(entry.name).parent_path(); !parent.empty(); parent = parent.parent_path()) {
    if (!fs::remove(folder_ / parent, not_empty)) break;
  }
  return {};
}

fs::path default_library_folder(const char* exogpu_models, const char* xdg_data_home, const char* home) {
  const auto absolute = [](const char* text) { return text && fs::path(text).is_absolute(); };
  if (absolute(exogpu_models)) return exogpu_models;
  if (absolute(xdg_data_home)) return fs::path(xdg_data_home) / "exogpu" / "models";
  if (absolute(home)) return fs::path(home) / ".local" / "share" / "exogpu" / "models";
  return {};
}

void mark_used(const LibraryEntry& entry) {
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_NOW}, {.tv_sec = 0, .tv_nsec = UTIME_OMIT}};
  for (const fs::path& file : entry.files) ::utimensat(AT_FDCWD, file.c_str(), times, 0);
}

}  // namespace exogpu::model
