// The files of the page, embedded into the program: apps/dashboard/dist (cmake/Page.cmake).
#pragma once

#include <span>
#include <string_view>

namespace exogpu::api {

struct Asset {
  std::string_view path;  // "index.html", "assets/index-1a2b3c.js"
  std::string_view hash;  // of the content, in hexadecimal digits
  std::string_view gzip;  // the content, compressed
};

std::span<const Asset> page_assets();

}  // namespace exogpu::api
