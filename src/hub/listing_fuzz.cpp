// Responses of a hub: addresses to redirect to, lists of files, ranges. Any of them is refused or consistent.
//
// The first byte chooses which of them the rest is.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "hub/choose.h"
#include "hub/content_range.h"
#include "hub/listing.h"
#include "hub/reference.h"
#include "hub/url.h"

namespace {

using namespace exogpu::hub;

void check(bool good) {
  if (!good) std::abort();
}

// An address that was parsed is the same after it is written and parsed again.
void check_url(const Url& url) {
  const auto again = Url::parse(url.text());
  check(again && again->text() == url.text() && again->same_origin(url));
  check(url.target.starts_with('/') && url.target.find_first_of(" \r\n") == url.target.npos);
}

void check_listing(std::string_view text) {
  const auto files = parse_listing(text, "hub");
  if (!files) return;
  for (const RemoteFile& file : *files) check(is_safe_path(file.path));
  for (const char* choice : {"", "Q8_0", "a.gguf"}) {
    const auto chosen = choose_files(*files, "o/r", choice);
    check(!chosen || !chosen->empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      if (const auto url = Url::parse(text)) check_url(*url);
      break;
    case 1:
      if (const auto url = Url::parse("https://hub/a/b?c")->resolve(text)) check_url(*url);
      break;
    case 2: check_listing(text); break;
    default:
      next_page(text);
      parse_search(text);
      if (const auto range = parse_content_range(text)) check(range->first <= range->last);
      if (const auto reference = parse_reference(text))
        check(reference->choice.empty() || is_safe_path(reference->choice));
  }
  return 0;
}
