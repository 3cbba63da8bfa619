// The addresses at which people reach an API that listens here.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace exogpu::cli {

// Of this machine's network interfaces that are up, as other machines use them: neither the loopback's nor those that
// hold on one link only. IPv4 first; IPv6 where `ipv6`.
std::vector<std::string> own_addresses(bool ipv6);

// "http://127.0.0.1:8080/v1"; where `listens_at` is every address ("::", "0.0.0.0"): "http://localhost:8080/v1, from
// other machines http://192.168.1.5:8080/v1", with the first of `own`.
std::string api_addresses(const std::string& listens_at, uint16_t port, std::span<const std::string> own);

}  // namespace exogpu::cli
