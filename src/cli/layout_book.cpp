#include "cli/layout_book.h"

#include <cstdlib>
#include <utility>

#include "cli/own_program.h"
#include "gpu/layouts/child.h"
#include "gpu/profile/cache.h"

namespace exogpu::cli {
namespace {

constexpr const char* kCheckWord = "layout-check";

std::shared_ptr<gpu::LayoutBook> book_in(const std::filesystem::path& file) {
  gpu::CheckProgram program{.command = own_command()};
  program.command.emplace_back(kCheckWord);
  return std::make_shared<gpu::LayoutBook>(
      file, [program = std::move(program)](const gpu::Device& device, std::span<const gpu::LayoutCase> cases) {
        return gpu::check_in_processes(program, device, cases);
      });
}

}  // namespace

std::shared_ptr<gpu::LayoutBook> layout_book() {
  static const std::shared_ptr<gpu::LayoutBook> book = [] {
    const auto profiles = gpu::profile_cache_file(std::getenv("XDG_CACHE_HOME"), std::getenv("HOME"));
    return book_in(profiles.empty() ? profiles : profiles.parent_path() / "layouts.json");
  }();
  return book;
}

std::shared_ptr<gpu::LayoutBook> fresh_layout_book() { return book_in({}); }

bool answered_layout_checks(std::span<const std::string> words) {
  if (words.size() < 2 || words.front() != kCheckWord || std::getenv("EXOGPU_LAYOUT_CHECK") == nullptr) return false;
  gpu::answer_checks(words[1], {words.begin() + 2, words.end()});
  return true;
}

}  // namespace exogpu::cli
