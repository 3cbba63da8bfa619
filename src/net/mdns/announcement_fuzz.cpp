// Any strings as the TXT record of a service are refused, or read as an announcement that survives writing and reading.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "net/mdns/announcement.h"

// Each string ends with a zero byte, which no string of a TXT record may contain; the first is the instance name.
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
  const auto announcement = announcement_of(instance, port, strings);
  if (!announcement) return 0;
  const auto again = announcement_of(announcement->node.text(), announcement->port, txt_of(*announcement));
  if (!again || *again != *announcement) std::abort();
  for (const std::string& entry : txt_of(*announcement)) {
    if (entry.size() > 255) std::abort();  // the limit of a string in a TXT record
  }
  return 0;
}
