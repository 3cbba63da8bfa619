#include "cli/audit_syslog.h"

#include <sys/socket.h>
#include <sys/syslog.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <format>
#include <utility>

#include "base/log.h"

namespace exogpu::cli {
namespace {

constexpr const char* kSystemLog = "/dev/log";
constexpr std::chrono::minutes kLossesReportedEvery{1};

// "Dec  1 04:00:00", in local time, as syslog(3) writes it.
std::string syslog_time(std::time_t now) {
  std::tm local{};
  ::localtime_r(&now, &local);
  char text[32] = {};
  const size_t size = std::strftime(text, sizeof(text), "%b %e %T", &local);
  return {text, size};
}

}  // namespace

void add_audit_syslog(CLI::App& command, std::string& socket, const char* group) {
  command
      .add_flag_callback(
          "--audit-syslog",
          [&socket] {
            if (socket.empty()) socket = kSystemLog;
          },
          "Send each entry of the audit to syslog or systemd's journal, too (/dev/log)")
      ->group(group);
  command.add_option("--audit-syslog-socket", socket)->group("");  // for tests
}

Result<std::unique_ptr<AuditSyslog>> AuditSyslog::create(std::string socket) {
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  std::unique_ptr<AuditSyslog> made(new AuditSyslog(std::move(socket), fd));
  if (fd >= 0 && made->send(std::format("<{}>{} exogpu[{}]: the audit follows", LOG_AUTHPRIV | LOG_NOTICE,
                                        syslog_time(std::time(nullptr)), ::getpid()))) {
    return made;
  }
  return fail(ErrorCode::unavailable,
              "--audit-syslog: {}: {}; without the option the audit is in the state folder alone", made->path_,
              std::strerror(errno));
}

AuditSyslog::~AuditSyslog() {
  if (fd_ >= 0) ::close(fd_);
}

// By the address each time: a log that is restarted has another socket there.
bool AuditSyslog::send(std::string_view text) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path_.size() >= sizeof(to.sun_path)) {
    errno = ENAMETOOLONG;
    return false;
  }
  std::memcpy(to.sun_path, path_.data(), path_.size());
  return ::sendto(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to),
                  sizeof(to)) == static_cast<ssize_t>(text.size());
}

void AuditSyslog::tell(std::string_view line) {
  const bool sent = send(std::format("<{}>{} exogpu[{}]: {}", LOG_AUTHPRIV | LOG_NOTICE,
                                     syslog_time(std::time(nullptr)), ::getpid(), line));
  if (sent) return;
  const int code = errno;
  ++lost_;
  const auto now = std::chrono::steady_clock::now();
  if (reported_at_ && now - *reported_at_ < kLossesReportedEvery) return;
  reported_at_ = now;
  log::warning("cli", "{} entries of the audit did not reach {}: {}", std::exchange(lost_, 0), path_,
               std::strerror(code));
}

}  // namespace exogpu::cli
