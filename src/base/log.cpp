#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <utility>

#include "base/assert.h"
#include "base/mutex.h"
#include "base/utf8.h"

namespace exogpu::log {
namespace {

constexpr std::string_view kNames[] = {"debug", "info", "warning", "error", "off"};

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warning: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
    case Level::off: break;
  }
  return spdlog::level::off;
}

// The priority that the journal reads at the beginning of a line, see sd-daemon(3).
class JournalPriority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const int priority = message.level == spdlog::level::err    ? 3
                         : message.level == spdlog::level::warn ? 4
                         : message.level == spdlog::level::info ? 6
                                                                : 7;
    const std::string text = std::format("<{}>", priority);
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JournalPriority>(); }
};

// $JOURNAL_STREAM holds the device and inode of the journal's socket.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat info{};
  return stream != nullptr && fstat(2, &info) == 0 && std::format("{}:{}", info.st_dev, info.st_ino) == stream;
}

std::string without_percent(std::string text) {
  for (size_t at = 0; (at = text.find('%', at)) != std::string::npos; at += 2) text.insert(at, 1, '%');
  return text;
}

std::shared_ptr<spdlog::logger> make(spdlog::sink_ptr sink, const Options& options, bool journal) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  const std::string node = options.node.empty() ? "" : without_percent(options.node) + " ";
  if (journal) {
    formatter->add_flag<JournalPriority>('*').set_pattern("%*" + node + "%v");
  } else {
    formatter->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %-7l " + node + "%v");
  }
  sink->set_formatter(std::move(formatter));
  auto logger = std::make_shared<spdlog::logger>("exogpu", std::move(sink));
  logger->set_level(to_spdlog(options.level));
  logger->flush_on(spdlog::level::debug);
  logger->set_error_handler([](const std::string&) {});  // a log that cannot be written must not disturb the program
  return logger;
}

std::shared_ptr<spdlog::logger> to_stderr(const Options& options) {
  return make(std::make_shared<spdlog::sinks::stderr_sink_mt>(), options, stderr_is_journal());
}

using FileId = std::pair<dev_t, ino_t>;

std::optional<FileId> file_id(const std::filesystem::path& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return std::nullopt;
  return FileId(info.st_dev, info.st_ino);
}

std::shared_ptr<spdlog::logger> to_file(const Options& options) {
  return make(std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file->string()), options, false);
}

// Never destroyed: threads may log while the process ends.
struct State {
  std::atomic<Level> level = Level::warning;
  Mutex mutex;
  std::shared_ptr<spdlog::logger> logger EXO_GUARDED_BY(mutex) = to_stderr({.level = Level::warning, .node = {}});
  Options options EXO_GUARDED_BY(mutex);
  std::optional<FileId> file EXO_GUARDED_BY(mutex);  // that the logger writes to
};

State& state() {
  static State& state = *new State;
  return state;
}

// If no new file can be created, logging continues in the old one.
void reopen_moved_file(State& state) EXO_REQUIRES(state.mutex) {
  if (!state.options.file || file_id(*state.options.file) == state.file) return;
  try {
    state.logger = to_file(state.options);
    state.file = file_id(*state.options.file);
  } catch (const spdlog::spdlog_ex&) {
  }
}

}  // namespace

Result<Level> parse_level(std::string_view text) {
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == text) return static_cast<Level>(i);
  }
  return fail(ErrorCode::invalid_argument, "{}: not a level of the log; debug, info, warning, error or off",
              printable(text));
}

std::string_view to_string(Level level) { return kNames[static_cast<size_t>(level)]; }

Result<void> start(const Options& options) {
  std::shared_ptr<spdlog::logger> logger;
  if (options.file) {
    try {
      logger = to_file(options);
    } catch (const spdlog::spdlog_ex& error) {
      return fail(ErrorCode::io_error, "{}: the log file cannot be opened: {}", options.file->string(), error.what());
    }
  } else {
    logger = to_stderr(options);
  }
  const MutexLock lock(state().mutex);
  state().logger = std::move(logger);
  state().options = options;
  state().file = options.file ? file_id(*options.file) : std::nullopt;
  state().level = options.level;
  return {};
}

bool enabled(Level level) { return level >= state().level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view room, std::string_view text) {
  if (level == Level::off || !enabled(level)) return;
  std::shared_ptr<spdlog::logger> logger;
  {
    const MutexLock lock(state().mutex);
    reopen_moved_file(state());
    logger = state().logger;
  }
  // One event is one line, even if its text has a newline from a peer.
  logger->log(to_spdlog(level), "{}: {}", room, printable(text));
}

}  // namespace exogpu::log

namespace exogpu {

void assertion_failed(const char* condition, const char* message, std::source_location where) {
  log::write(log::Level::error, "base",
             std::format("{}:{}: {} ({} does not hold); this is a bug of exogpu, please report it", where.file_name(),
                         where.line(), message, condition));
  std::abort();
}

}  // namespace exogpu
