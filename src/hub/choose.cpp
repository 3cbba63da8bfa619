#include "hub/choose.h"

#include <algorithm>
#include <format>
#include <iterator>
#include <map>

#include "base/near_names.h"
#include "base/utf8.h"
#include "model/model_name.h"

namespace exogpu::hub {
namespace {

constexpr std::string_view kUsual = "Q4_K_M";
constexpr size_t kNamesMost = 30;

struct Candidate {
  std::string stem;
  uint32_t parts = 1;
  std::map<uint32_t, RemoteFile> files;

  Bytes bytes() const {
    Bytes sum = 0;
    for (const auto& [index, file] : files) sum += file.bytes;
    return sum;
  }
  std::string name() const { return model::file_name(stem, 0, parts); }
};

std::vector<Candidate> candidates_of(std::span<const RemoteFile> files) {
  std::map<std::pair<std::string, uint32_t>, Candidate> found;
  for (const RemoteFile& file : files) {
    model::FileName name = model::parse_file_name(file.path);
    Candidate& candidate = found[{name.stem, name.parts}];
    candidate.stem = std::move(name.stem);
    candidate.parts = name.parts;
    candidate.files.emplace(name.index, file);
  }
  std::vector<Candidate> list;
  for (auto& [key, candidate] : found) list.push_back(std::move(candidate));
  return list;
}

bool is_projector(const Candidate& candidate) { return candidate.stem.contains("mmproj"); }

bool is_named(const Candidate& candidate, const std::string& choice) {
  const std::string file = choice.substr(choice.rfind('/') + 1);
  return std::ranges::any_of(candidate.files, [&](const auto& entry) {
    const std::string& path = entry.second.path;
    return path == choice || path == choice + ".gguf" || (file == choice && path.ends_with("/" + choice));
  });
}

std::vector<Candidate> matching(const std::vector<Candidate>& all, const std::string& choice) {
  std::vector<Candidate> found;
  const auto take = [&](auto fits) {
    if (found.empty()) std::ranges::copy_if(all, std::back_inserter(found), fits);
  };
  const auto has = [](std::string_view quantisation) {
    return [quantisation](const Candidate& c) {
      return !is_projector(c) && model::has_quantisation(c.stem, quantisation);
    };
  };
  if (!choice.empty()) {
    take([&](const Candidate& c) { return is_named(c, choice); });
    take(has(choice));
    return found;
  }
  take([](const Candidate& c) { return !is_projector(c); });
  if (found.size() <= 1) return found;
  std::vector<Candidate> usual;
  std::ranges::copy_if(found, std::back_inserter(usual), has(kUsual));
  return usual.empty() ? found : usual;
}

std::string names_of(const std::vector<Candidate>& candidates) {
  std::string text;
  for (size_t i = 0; i < candidates.size() && i < kNamesMost; ++i) {
    text += std::format("\n  {}  {}", printable(candidates[i].name()), format_bytes(candidates[i].bytes()));
  }
  if (candidates.size() > kNamesMost) text += std::format("\n  and {} more", candidates.size() - kNamesMost);
  return text;
}

}  // namespace

Result<std::vector<RemoteFile>> choose_files(std::span<const RemoteFile> files, const std::string& repository,
                                             const std::string& choice) {
  const std::vector<Candidate> all = candidates_of(files);
  if (all.empty()) {
    return fail(ErrorCode::not_found, "{}: holds no GGUF files; look for {}-GGUF, or convert it", repository,
                repository);
  }
  std::vector<Candidate> found = matching(all, choice);
  if (found.empty()) {
    std::vector<std::string> names;
    for (const Candidate& candidate : all) names.push_back(candidate.name());
    return fail(ErrorCode::not_found, "{}: holds no {}{}; it holds:{}", repository, printable(choice),
                near_words(near_names(choice, names, 1)), names_of(all));
  }
  if (found.size() > 1) {
    return fail(ErrorCode::invalid_argument, "{}{}{}: several files fit; name one, as in {}:{}{}", repository,
                choice.empty() ? "" : ":", printable(choice), repository, printable(found[0].name()), names_of(found));
  }
  if (found[0].files.size() != found[0].parts) {
    return fail(ErrorCode::corrupt, "{}: holds only {} of the {} parts of {}", repository, found[0].files.size(),
                found[0].parts, printable(found[0].name()));
  }
  std::vector<RemoteFile> parts;
  for (auto& [index, file] : found[0].files) parts.push_back(std::move(file));
  return parts;
}

}  // namespace exogpu::hub
