// The HTTP server of a node, for clients of OpenAI's, Anthropic's, Ollama's and llama.cpp's APIs (routes.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "api/server_options.h"
#include "base/result.h"
#include "node/service.h"

namespace exogpu::api {

// One thread serves all connections. When a client disconnects, its generations are cancelled. `service` must outlive
// the server; after the server's end its listeners have no effect.
class Server {
 public:
  // Listens when this returns. Errors: invalid_argument (not an address of this machine), already_exists (the port is
  // in use), permission_denied, io_error; those of TlsCertificate::open().
  static Result<Server> start(const ServerOptions& options, node::Service& service);

  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  ~Server();  // shuts down at once

  uint16_t port() const;
  // "http://127.0.0.1:8080": an address for clients on this machine, even if the server listens on all addresses.
  std::string url() const;
  uint32_t connections() const;

  // Accepts no more connections, lets requests finish for `grace`, cancels the rest, and waits for the thread.
  void shutdown(std::chrono::milliseconds grace);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::api
