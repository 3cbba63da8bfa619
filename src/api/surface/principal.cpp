#include "api/surface/principal.h"

#include <algorithm>

#include "base/utf8.h"

namespace exogpu::api {

// Greedy, with a return to the last star.
bool fits(std::string_view pattern, std::string_view name) {
  size_t at = 0, star = pattern.npos, behind_star = 0;
  size_t in = 0;
  while (in < name.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      behind_star = in;
    } else if (at < pattern.size() && pattern[at] == name[in]) {
      ++at;
      ++in;
    } else if (star != pattern.npos) {
      at = star + 1;
      in = ++behind_star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == pattern.npos;
}

bool Principal::may_use(std::string_view model) const {
  if (!key || key->models.empty()) return true;
  return std::ranges::any_of(key->models, [&](const std::string& pattern) { return fits(pattern, model); });
}

Parsed<void> check_model(const Principal& principal, std::string_view model) {
  if (principal.may_use(model)) return {};
  return std::unexpected(ApiError{.status = 403,
                                  .message = std::format("the API key {} may not use the model {}", principal.key->name,
                                                         printable(std::string(model))),
                                  .param = "model",
                                  .code = "model_not_allowed"});
}

}  // namespace exogpu::api
