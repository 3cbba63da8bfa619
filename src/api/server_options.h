// The server's address, access rules and limits.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/units.h"

namespace exogpu::api {

struct ServerOptions {
  std::string address = "127.0.0.1";  // IPv4 or IPv6; "::" means all of both
  uint16_t port = 0;                  // 0: any free port
  // Every request except /health must send one of them, or a key of the cluster, as "Authorization: Bearer KEY" or
  // "x-api-key: KEY"; none: programs of this machine need no key. With several, each is a client for fair queueing.
  std::vector<std::string> api_keys;
  bool no_auth = false;  // programs of other machines need no key either

  // PEM files; both or none. With them the API speaks TLS 1.3, and plain HTTP to programs of this machine alone. They
  // are read again when they change.
  std::filesystem::path tls_certificate{}, tls_key{};

  // Origins of web pages on other machines that may use the API, such as "https://chat.example.com"; "*" means all.
  // Pages on this machine always may.
  std::vector<std::string> origins;

  // Settings of the sampler for requests that name these models and do not say otherwise, by name of the model and of
  // the field: "temperature".
  std::map<std::string, std::map<std::string, double>> model_sampling;

  bool truncate =
      false;  // the oldest turns of a conversation go where the context is too short, unless it says otherwise

  // How long a streamed answer goes on without its client, and is kept afterwards, unless a request says otherwise
  // (linger_s). 0: it ends with the connection, since most clients that close it have given up on the answer.
  std::chrono::milliseconds linger{0};

  uint32_t connections_max = 4096;
  uint32_t answers_max = 32;  // of one request: n × the number of prompts
  Bytes header_bytes_max = 16 * KiB;
  Bytes body_bytes_max = 16 * MiB;
  Bytes bodies_bytes_max = 256 * MiB;  // of all requests being read together
  uint32_t json_depth_max = 64;
  uint32_t json_values_max = 1 << 20;

  // Answers that /v1/responses keeps, to be continued by their ids. Beyond either limit the least recently used go.
  uint32_t answers_stored_max = 1000;
  Bytes answers_stored_bytes_max = 64 * MiB;

  // Output that waits for a slow client; beyond it the generation is cancelled.
  Bytes backlog_bytes_max = 1 * MiB;

  std::chrono::milliseconds idle_timeout{75'000};    // between requests
  std::chrono::milliseconds header_timeout{10'000};  // for the header, from its first byte
  std::chrono::milliseconds body_timeout{60'000};
  std::chrono::milliseconds write_timeout{60'000};     // for each 64 KiB that the client reads
  std::chrono::milliseconds comment_interval{15'000};  // after so long without output, a stream sends a comment
};

}  // namespace exogpu::api
