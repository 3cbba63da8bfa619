#include "net/mdns/discovery.h"

#include <avahi-common/malloc.h>
#include <avahi-core/log.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "net/mdns/avahi.h"
#include "net/mdns/browser.h"
#include "net/mdns/publisher.h"

namespace exogpu::net {
namespace {

// Avahi logs its internals; errors that a user can act on are returned as values.
void silence_the_library() {
  static std::once_flag once;
  std::call_once(once, [] { avahi_set_log_function([](AvahiLogLevel, const char*) {}); });
}

struct Config {
  Config() { avahi_server_config_init(&it); }
  ~Config() { avahi_server_config_free(&it); }
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;
  AvahiServerConfig it{};
};

// Avahi calls back from within calls of its objects, so these must outlive the Discovery.
struct Calls {
  boost::asio::any_io_executor executor;
  DiscoveryHandler handler;
  bool over = false;  // on the executor's thread
};

}  // namespace

struct Discovery::Impl {
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (calls) calls->over = true;
    if (thread.joinable()) {
      enter([this] { avahi_simple_poll_quit(poll.get()); });
      thread.join();
    }
    // The service is destroyed before the responder, so that the goodbye packets are sent.
    browser.reset();
    publisher.reset();
    server.reset();
    if (watch != nullptr) api()->watch_free(watch);
    if (wake >= 0) ::close(wake);
  }

  const AvahiPoll* api() const { return avahi_simple_poll_get(poll.get()); }

  // Runs a task on the mDNS thread.
  void enter(std::move_only_function<void()> task) {
    const MutexLock lock(mutex);
    tasks.push_back(std::move(task));
    const uint64_t one = 1;
    (void)!::write(wake, &one, sizeof(one));
  }

  static void on_wake(AvahiWatch*, int fd, AvahiWatchEvent, void* self) {
    auto& it = *static_cast<Impl*>(self);
    uint64_t ignored = 0;
    (void)!::read(fd, &ignored, sizeof(ignored));
    std::vector<std::move_only_function<void()>> todo;
    {
      const MutexLock lock(it.mutex);
      todo.swap(it.tasks);
    }
    for (auto& task : todo) task();
  }

  template <typename... Values>
  auto posting(std::function<void(Values...)> DiscoveryHandler::* which) {
    return [to = calls, which](const std::remove_cvref_t<Values>&... values) {
      boost::asio::post(to->executor, [to, which, values...] {
        if (!to->over && to->handler.*which) (to->handler.*which)(values...);
      });
    };
  }

  Result<void> start(const std::optional<Announcement>& own, DiscoveryOptions options) {
    poll.reset(avahi_simple_poll_new());
    wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!poll || wake < 0) {
      return fail(ErrorCode::unavailable, "mDNS cannot be used: {}", std::generic_category().message(errno));
    }
    watch = api()->watch_new(api(), wake, AVAHI_WATCH_IN, on_wake, this);

    Config config;
    // The host gets a name of its own, beside the one that the system's responder may publish.
    config.it.host_name = avahi_strdup(own ? ("exo-gpu-" + own->node.text()).c_str() : "exo-gpu");
    config.it.publish_hinfo = config.it.publish_addresses = config.it.publish_workstation = config.it.publish_domain =
        0;
    config.it.enable_wide_area = 0;
    AvahiStringList*& lo = options.loopback ? config.it.allow_interfaces : config.it.deny_interfaces;
    lo = avahi_string_list_add(lo, "lo");
    int error = 0;
    server.reset(avahi_server_new(api(), &config.it, [](AvahiServer*, AvahiServerState, void*) {}, nullptr, &error));
    if (!server) {
      return fail(ErrorCode::unavailable,
                  "mDNS cannot be used: {}; another program may hold UDP port 5353 for itself alone",
                  avahi_strerror(error));
    }
    DiscoveryHandler handler{.on_found = posting(&DiscoveryHandler::on_found),
                             .on_changed = posting(&DiscoveryHandler::on_changed),
                             .on_gone = posting(&DiscoveryHandler::on_gone),
                             .on_trouble = posting(&DiscoveryHandler::on_trouble)};
    EXO_TRY(publisher, Publisher::make(server.get(), api(), options.loopback, handler.on_trouble));
    if (own) EXO_CHECK(publisher->announce(*own));
    EXO_TRY(browser,
            Browser::make(server.get(), api(),
                          {.loopback = options.loopback, .self = own ? std::optional(own->node) : std::nullopt},
                          std::move(handler)));
    begin_thread();
    return {};
  }

  // Signals are handled by the program's other threads.
  void begin_thread() {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread = std::thread([this] { avahi_simple_poll_loop(poll.get()); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  std::shared_ptr<Calls> calls;
  Mutex mutex;
  std::vector<std::move_only_function<void()>> tasks EXO_GUARDED_BY(mutex);
  int wake = -1;
  AvahiWatch* watch = nullptr;
  Avahi<AvahiSimplePoll> poll;
  // Used only by the mDNS thread while it runs.
  Avahi<AvahiServer> server;
  std::unique_ptr<Publisher> publisher;
  std::unique_ptr<Browser> browser;
  std::thread thread;
};

Discovery::Discovery(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Discovery::~Discovery() = default;

Result<std::unique_ptr<Discovery>> Discovery::start(const boost::asio::any_io_executor& executor,
                                                    const std::optional<Announcement>& own, DiscoveryHandler handler,
                                                    DiscoveryOptions options) {
  silence_the_library();
  auto impl = std::make_unique<Impl>();
  impl->calls = std::make_shared<Calls>(executor, std::move(handler));
  EXO_CHECK(impl->start(own, options));
  return std::unique_ptr<Discovery>(new Discovery(std::move(impl)));
}

void Discovery::announce(Announcement own) {
  impl_->enter([impl = impl_.get(), own = std::move(own)] {
    const auto done = impl->publisher->announce(own);
    if (!done) {
      boost::asio::post(impl->calls->executor, [to = impl->calls, why = done.error()] {
        if (!to->over && to->handler.on_trouble) to->handler.on_trouble(why);
      });
    }
  });
}

}  // namespace exogpu::net
