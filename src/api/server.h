// The OpenAI-compatible HTTP server of a node: /v1/models, /v1/chat/completions, /v1/completions, /v1/cluster, /health.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "api/server_options.h"
#include "base/result.h"
#include "node/service.h"

namespace exogpu::api {

// One thread serves all connections; it sleeps while nothing comes. A client that goes away cancels its generations.
// Borrows the service, which must outlive the server; once the server is gone, what its listeners hear has no effect.
class Server {
 public:
  // Listens when this returns. Errors: invalid_argument (no such address), already_exists (the port is taken),
  // permission_denied, io_error.
  static Result<Server> start(const ServerOptions& options, node::Service& service);

  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  ~Server();  // shuts down without grace

  uint16_t port() const;
  // "http://127.0.0.1:8080": an address that a client on this machine can open, also where all addresses are listened
  // on.
  std::string url() const;
  uint32_t connections() const;

  // Takes no more connections and waits for the thread. Answers that have begun get as long as `grace` to end, and then
  // end with an error; requests whose answer has not begun get the error at once. Without grace all connections are
  // closed at once.
  void shutdown(std::chrono::milliseconds grace);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::api
