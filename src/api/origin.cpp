#include <algorithm>

#include "api/routes.h"

namespace exogpu::api {

namespace {

// "[::1]:8080" becomes "[::1]", "localhost:80" becomes "localhost".
std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool is_this_machine(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost") || host == "127.0.0.1" || host == "[::1]";
}

// An address, a name without a dot, or an mDNS name: names that no foreign DNS server resolves.
bool is_local_name(std::string_view host) {
  const bool v4 = host.find_first_not_of("0123456789.") == host.npos;
  return v4 || host.starts_with('[') || host.find('.') == host.npos || host.ends_with(".local");
}

// Pages that are part of a program of this machine: no web site can have such an origin. Not the extensions of
// browsers, which may come from anywhere, and not "null", which any page can have.
bool is_program(std::string_view origin) {
  constexpr std::string_view schemes[] = {"app://", "tauri://", "vscode-webview://", "vscode-file://"};
  return std::ranges::any_of(schemes, [&](std::string_view scheme) { return origin.starts_with(scheme); });
}

}  // namespace

bool origin_allowed(std::string_view origin, std::string_view host, const ServerOptions& options) {
  if (origin.empty() || is_program(origin)) return true;
  for (const std::string& allowed : options.origins) {
    if (allowed == "*" || allowed == origin) return true;
  }
  std::string_view page = origin;
  if (page.starts_with("http://")) {
    page.remove_prefix(7);
  } else if (page.starts_with("https://")) {
    page.remove_prefix(8);
  } else {
    return false;
  }
  return is_this_machine(without_port(page)) || (page == host && is_local_name(without_port(host)));
}

bool may_use(std::string_view origin, std::string_view host, const ServerOptions& options,
             const node::Service& service) {
  if (origin_allowed(origin, host, options)) return true;
  const auto cluster = service.cluster();
  return std::ranges::any_of(cluster->nodes, [&](const node::NodeSnapshot& node) { return node.api_url == origin; });
}

bool host_allowed(std::string_view host, const ServerOptions& options) {
  const std::string_view name = without_port(host);
  if (name.empty() || is_this_machine(name) || is_local_name(name)) return true;
  return std::ranges::any_of(options.origins, [&](std::string_view origin) {
    const size_t scheme = origin.find("://");
    return origin == "*" || (scheme != origin.npos && without_port(origin.substr(scheme + 3)) == name);
  });
}

std::vector<std::pair<std::string, std::string>> origin_fields(const RequestView& request) {
  if (request.origin.empty()) return {};
  return {{"Access-Control-Allow-Origin", std::string(request.origin)}, {"Vary", "Origin"}};
}

}  // namespace exogpu::api
