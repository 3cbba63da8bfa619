#include "api/page/page_routes.h"

#include <algorithm>
#include <array>
#include <format>
#include <ranges>

#include "api/page/assets.h"
#include "api/surface/content_coding.h"

namespace exogpu::api {
namespace {

constexpr size_t kMembersMax = 256;  // named in the policy
constexpr Bytes kAssetBytesMax = 16 * MiB;

const Asset* find_asset(std::string_view path) {
  const auto found = std::ranges::find(page_assets(), path, &Asset::path);
  return found == page_assets().end() ? nullptr : &*found;
}

std::string_view type_of(std::string_view path) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kTypes{
      {{".html", "text/html; charset=utf-8"},
       {".js", "text/javascript; charset=utf-8"},
       {".css", "text/css; charset=utf-8"},
       {".svg", "image/svg+xml"},
       {".json", "application/json"},
       {".png", "image/png"}}};
  for (const auto& [ending, type] : kTypes) {
    if (path.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  return begin == text.npos ? std::string_view() : text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

// "http://10.0.0.2:8080", and nothing that means something in a policy.
bool is_origin(std::string_view url) {
  const bool scheme = url.starts_with("http://") || url.starts_with("https://");
  const std::string_view host = scheme ? url.substr(url.find("//") + 2) : std::string_view();
  return !host.empty() && std::ranges::all_of(host, [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view(".-:[]").contains(static_cast<char>(c));
  });
}

// Whether the client has the content with this tag already.
bool has_it(std::string_view if_none_match, std::string_view tag) {
  return std::ranges::any_of(std::views::split(if_none_match, ','), [&](const auto& part) {
    std::string_view each = trimmed(std::string_view(part));
    if (each.starts_with("W/")) each.remove_prefix(2);
    return each == "*" || each == tag;
  });
}

Parsed<Action> send(const Exchange& exchange, const Asset& asset) {
  const bool named_by_content = asset.path.starts_with("assets/");
  const std::string tag = std::format("\"{}\"", asset.hash);
  Reply reply{.status = 200,
              .fields = {{"ETag", tag},
                         {"Cache-Control", named_by_content ? "public, max-age=31536000, immutable" : "no-cache"},
                         {"Content-Security-Policy", page_policy(*exchange.service.cluster())},
                         {"Cross-Origin-Opener-Policy", "same-origin"},
                         {"Referrer-Policy", "no-referrer"},
                         {"Vary", "Accept, Accept-Encoding"},
                         {"X-Content-Type-Options", "nosniff"}},
              .type = type_of(asset.path)};
  if (has_it(exchange.request.if_none_match, tag)) {
    reply.status = 304;
  } else if (accepts_gzip(exchange.request.accept_encoding)) {
    reply.fields.emplace_back("Content-Encoding", "gzip");
    reply.body = asset.gzip;
  } else {
    std::string plain;
    EXO_TRY(const std::string_view whole, decoded_body(asset.gzip, "gzip", kAssetBytesMax, plain));
    reply.body = whole;
  }
  return reply;
}

ApiError no_file(std::string_view path) {
  return {.status = 404,
          .message = std::format("the page has no file {}", dump(path.substr(0, 200))),
          .code = "unknown_url"};
}

// Programs that look whether somebody is there get a line of text.
Parsed<Action> root(const Exchange& exchange) {
  if (!exchange.request.accept.contains("text/html")) return Reply{.body = "exogpu is running\n", .type = "text/plain"};
  const Asset* page = find_asset("index.html");
  if (page == nullptr) return std::unexpected(no_file("index.html"));
  return send(exchange, *page);
}

Parsed<Action> file(const Exchange& exchange) {
  const Asset* asset = find_asset("assets/" + exchange.rest);
  if (asset == nullptr) return std::unexpected(no_file("assets/" + exchange.rest));
  return send(exchange, *asset);
}

Parsed<Action> description(const Exchange& exchange) {
  const Asset* asset = find_asset("openapi.json");
  if (asset == nullptr) return std::unexpected(no_file("openapi.json"));
  return send(exchange, *asset);
}

constexpr Route kPageRoutes[] = {
    {.path = "/", .method = "GET", .handle = root, .needs_key = false},
    {.path = "/assets/", .method = "GET", .handle = file, .needs_key = false},
    {.path = "/openapi.json", .method = "GET", .handle = description, .needs_key = false},
};

}  // namespace

Surface page_surface() { return {.error = to_json, .routes = kPageRoutes}; }

std::string page_policy(const node::ClusterSnapshot& cluster) {
  std::string members;
  size_t count = 0;
  for (const node::NodeSnapshot& node : cluster.nodes) {
    if (is_origin(node.api_url) && ++count <= kMembersMax) members += " " + node.api_url;
  }
  return std::format(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
      "connect-src 'self'{}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      members);
}

bool accepts_gzip(std::string_view accept_encoding) {
  for (const auto part : std::views::split(accept_encoding, ',')) {
    const std::string_view each = trimmed(std::string_view(part));
    const size_t end = each.find(';');
    const std::string_view name = trimmed(each.substr(0, end));
    if (name != "gzip" && name != "*") continue;
    const std::string_view weight = end == each.npos ? std::string_view() : trimmed(each.substr(end + 1));
    return weight.find_first_not_of("q=0.") != weight.npos || !weight.starts_with("q=0");
  }
  return false;
}

}  // namespace exogpu::api
