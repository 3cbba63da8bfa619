// --audit-syslog: each entry of the audit also goes to the system's log (syslog, or systemd's journal in its place),
// which may pass it on to another machine, out of reach of who has this one.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace exogpu::cli {

void add_audit_syslog(CLI::App& command, std::string& socket, const char* group);

// A datagram for each entry, as syslog(3) sends it: facility authpriv, severity notice, "exogpu[PID]: " and the line.
// One thread at a time.
class AuditSyslog {
 public:
  // Errors: unavailable: nothing receives datagrams at this socket.
  static Result<std::unique_ptr<AuditSyslog>> create(std::string socket);
  ~AuditSyslog();
  AuditSyslog(const AuditSyslog&) = delete;
  AuditSyslog& operator=(const AuditSyslog&) = delete;

  // Does not wait. An entry that is not taken is lost there, not in the node's own audit; the log says so once a
  // minute.
  void tell(std::string_view line);

 private:
  AuditSyslog(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  bool send(std::string_view text);
  const std::string path_;
  const int fd_;
  uint64_t lost_ = 0;
  std::optional<std::chrono::steady_clock::time_point> reported_at_;
};

}  // namespace exogpu::cli
