#include "engine/stop.h"

#include <algorithm>
#include <utility>

namespace exogpu::engine {

void StopMatcher::Pattern::advance(char c) {
  while (length > 0 && text[length] != c) length = fallback[length - 1];
  if (text[length] == c) ++length;
}

Result<StopMatcher> StopMatcher::create(std::vector<std::string> stops) {
  StopMatcher matcher;
  for (size_t i = 0; i < stops.size(); ++i) {
    if (stops[i].empty()) {
      return fail(ErrorCode::invalid_argument, "stop string {} is empty; leave it out", i);
    }
    Pattern pattern{.text = std::move(stops[i]), .fallback = {}, .length = 0};
    pattern.fallback.assign(pattern.text.size(), 0);
    for (size_t j = 1; j < pattern.text.size(); ++j) {
      pattern.advance(pattern.text[j]);
      pattern.fallback[j] = pattern.length;
    }
    pattern.length = 0;
    matcher.patterns_.push_back(std::move(pattern));
  }
  return matcher;
}

std::string StopMatcher::push(std::string_view text) {
  if (stopped()) return {};
  tail_ += text;
  size_t begun = 0;  // the longest beginning of a stop string at the end of the text so far
  for (size_t i = 0; i < text.size(); ++i) {
    begun = 0;
    for (size_t p = 0; p < patterns_.size(); ++p) {
      Pattern& pattern = patterns_[p];
      pattern.advance(text[i]);
      begun = std::max(begun, pattern.length);
      const bool complete = pattern.length == pattern.text.size();
      if (complete && (!matched_ || pattern.text.size() > patterns_[*matched_].text.size())) matched_ = p;
    }
    if (matched_) {
      const size_t end = tail_.size() - text.size() + i + 1;
      tail_.resize(end - patterns_[*matched_].text.size());
      return std::exchange(tail_, {});
    }
  }
  if (text.empty()) return {};
  std::string out = tail_.substr(0, tail_.size() - begun);
  tail_.erase(0, out.size());
  return out;
}

std::string StopMatcher::flush() {
  for (Pattern& pattern : patterns_) pattern.length = 0;
  return std::exchange(tail_, {});
}

}  // namespace exogpu::engine
