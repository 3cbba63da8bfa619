// Any strings as the record of a service: refused, or an announcement that comes back when it is written again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "net/mdns/announcement.h"

// Strings end with a zero byte, as none of the record's may hold one; the first is the instance.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace exogpu::net;
  if (size < 2) return 0;
  const auto port = static_cast<uint16_t>(data[0] << 8 | data[1]);
  std::vector<std::string> strings;
  std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  while (!rest.empty()) {
    const size_t end = rest.find('\0');
    strings.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  if (strings.empty()) return 0;
  const std::string instance = strings.front();
  strings.erase(strings.begin());
  const auto said = announcement_of(instance, port, strings);
  if (!said) return 0;
  const auto again = announcement_of(said->node.text(), said->port, txt_of(*said));
  if (!again || *again != *said) std::abort();
  for (const std::string& entry : txt_of(*said)) {
    if (entry.size() > 255) std::abort();  // what a string of a TXT record can hold
  }
  return 0;
}
