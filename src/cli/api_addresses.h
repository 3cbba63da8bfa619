// The addresses at which this machine's API can be reached, for messages.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace exogpu::cli {

// The addresses of this machine's active network interfaces that other machines can use: no loopback and no link-local
// addresses. IPv4 first; IPv6 only if `ipv6`.
std::vector<std::string> own_addresses(bool ipv6);

// "http://127.0.0.1:8080/v1". If `listens_at` means all addresses ("::", "0.0.0.0"): "http://localhost:8080/v1, from
// other machines http://192.168.1.5:8080/v1", with the first of `own`.
std::string api_addresses(const std::string& listens_at, uint16_t port, std::span<const std::string> own,
                          std::string_view scheme = "http");

}  // namespace exogpu::cli
