#include "base/host_port.h"

#include <algorithm>
#include <charconv>

namespace exogpu {

Result<HostPort> parse_host_port(std::string_view text, uint16_t port, std::string_view option) {
  const auto refuse = [&] {
    return fail(ErrorCode::invalid_argument,
                "{} {}: not an address; write HOST:PORT, for example 192.168.1.5:{} or [fe80::1]:{}", option, text,
                port, port);
  };
  HostPort result{.host = {}, .port = port};
  std::string_view rest = text;
  if (rest.starts_with('[')) {
    const size_t end = rest.find(']');
    if (end == std::string_view::npos) return refuse();
    result.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return refuse();
  } else {
    if (std::ranges::count(rest, ':') > 1) return refuse();
    const size_t colon = rest.find(':');
    result.host = rest.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon);
  }
  if (rest.empty()) return result.host.empty() ? refuse() : Result<HostPort>(result);
  rest.remove_prefix(1);
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), result.port);
  if (error != std::errc() || end != rest.data() + rest.size()) return refuse();
  return result;
}

}  // namespace exogpu
