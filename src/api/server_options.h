// How the server listens, whom it lets in, and what a client may take.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"

namespace exogpu::api {

struct ServerOptions {
  std::string address = "127.0.0.1";  // IPv4 or IPv6; "::" is all of both
  uint16_t port = 0;                  // 0: any free one
  std::string api_key;                // every request but /health must bring it as "Authorization: Bearer"; empty: none

  // Pages of other machines that a browser may use the API from, as "https://chat.example.com"; "*" is all. Pages of
  // this machine and of programs on it (app://, tauri://, vscode-webview://) may always.
  std::vector<std::string> origins;

  uint32_t connections_max = 4096;
  uint32_t answers_max = 32;  // of one request: n times the number of prompts
  Bytes header_bytes_max = 16 * KiB;
  Bytes body_bytes_max = 16 * MiB;
  Bytes bodies_bytes_max = 256 * MiB;  // of all requests that are being read
  uint32_t json_depth_max = 64;
  uint32_t json_values_max = 1 << 20;

  // A client that reads slowly: what is generated meanwhile is gathered, up to this much; then the work is cancelled.
  Bytes backlog_bytes_max = 1 * MiB;

  std::chrono::milliseconds idle_timeout{75'000};    // between two requests
  std::chrono::milliseconds header_timeout{10'000};  // for the header, from its first byte
  std::chrono::milliseconds body_timeout{60'000};
  std::chrono::milliseconds write_timeout{60'000};     // for each 64 KiB to be taken
  std::chrono::milliseconds comment_interval{15'000};  // a stream with nothing to say shows that it lives
};

}  // namespace exogpu::api
