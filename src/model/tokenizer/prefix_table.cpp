#include "model/tokenizer/prefix_table.h"

#include <algorithm>

namespace exogpu::model::tokenizer {

PrefixTable::PrefixTable(std::vector<Entry> entries) : entries_(std::move(entries)) {
  std::ranges::stable_sort(entries_, {}, &Entry::text);
  const auto repeated = std::ranges::unique(entries_, {}, &Entry::text);
  entries_.erase(repeated.begin(), repeated.end());
  for (const Entry& entry : entries_) ++by_first_[static_cast<unsigned char>(entry.text[0]) + 1];
  for (size_t i = 1; i < by_first_.size(); ++i) by_first_[i] += by_first_[i - 1];
}

PrefixTable::Node PrefixTable::enter(char byte) const {
  const auto first = static_cast<unsigned char>(byte);
  return {by_first_[first], by_first_[first + 1], 1};
}

PrefixTable::Node PrefixTable::follow(Node node, char byte) const {
  // -1 sorts the entry that ends here before all longer ones.
  const auto next = [depth = node.depth](const Entry& entry) {
    return entry.text.size() == depth ? -1 : static_cast<int>(static_cast<unsigned char>(entry.text[depth]));
  };
  const auto range = std::ranges::equal_range(entries_.begin() + node.begin, entries_.begin() + node.end,
                                              static_cast<int>(static_cast<unsigned char>(byte)), {}, next);
  return {static_cast<uint32_t>(range.begin() - entries_.begin()),
          static_cast<uint32_t>(range.end() - entries_.begin()), node.depth + 1};
}

}  // namespace exogpu::model::tokenizer
