// Owners for Avahi's objects, for this folder only. One thread at a time uses the objects of a responder.
#pragma once

#include <avahi-common/error.h>
#include <avahi-common/simple-watch.h>
#include <avahi-common/strlst.h>
#include <avahi-common/timeval.h>
#include <avahi-core/core.h>
#include <avahi-core/lookup.h>
#include <avahi-core/publish.h>

#include <memory>
#include <string>
#include <vector>

namespace exogpu::net {

struct AvahiFree {
  void operator()(AvahiSimplePoll* it) const { avahi_simple_poll_free(it); }
  void operator()(AvahiServer* it) const { avahi_server_free(it); }  // sends goodbye packets
  void operator()(AvahiSEntryGroup* it) const { avahi_s_entry_group_free(it); }
  void operator()(AvahiSServiceBrowser* it) const { avahi_s_service_browser_free(it); }
  void operator()(AvahiSServiceResolver* it) const { avahi_s_service_resolver_free(it); }
  void operator()(AvahiSRecordBrowser* it) const { avahi_s_record_browser_free(it); }
  void operator()(AvahiStringList* it) const { avahi_string_list_free(it); }
  void operator()(AvahiKey* it) const { avahi_key_unref(it); }
};
template <typename T>
using Avahi = std::unique_ptr<T, AvahiFree>;

inline constexpr const char* kServiceType = "_exo-gpu._tcp";

// Keeps the order of `strings`.
inline Avahi<AvahiStringList> string_list(const std::vector<std::string>& strings) {
  AvahiStringList* list = nullptr;
  for (auto at = strings.rbegin(); at != strings.rend(); ++at) {
    list = avahi_string_list_add_arbitrary(list, reinterpret_cast<const uint8_t*>(at->data()), at->size());
  }
  return Avahi<AvahiStringList>(list);
}

// Calls a function once, later. Must not be destroyed inside that call.
class AvahiTimer {
 public:
  AvahiTimer(const AvahiPoll* poll, void (*call)(void*), void* argument)
      : poll_(poll), call_(call), argument_(argument), timeout_(poll->timeout_new(poll, nullptr, fired, this)) {}
  ~AvahiTimer() { poll_->timeout_free(timeout_); }
  AvahiTimer(const AvahiTimer&) = delete;
  AvahiTimer& operator=(const AvahiTimer&) = delete;

  void after(unsigned milliseconds) {
    timeval when{};
    poll_->timeout_update(timeout_, avahi_elapse_time(&when, milliseconds, 0));
  }

 private:
  static void fired(AvahiTimeout* timeout, void* self) {
    auto& it = *static_cast<AvahiTimer*>(self);
    it.poll_->timeout_update(timeout, nullptr);
    it.call_(it.argument_);
  }
  const AvahiPoll* poll_;
  void (*call_)(void*);
  void* argument_;
  AvahiTimeout* timeout_;
};

}  // namespace exogpu::net
