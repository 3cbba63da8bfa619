// What a node says of itself on the local network: the TXT record of its service `_exo-gpu._tcp`, and its port.
//
//   txtvers=1  id=NODE  name=TEXT  version=TEXT  cluster=CLUSTER  lets_in=1  pairing=1 or approval
//
// The instance of the service is named by the node's id. Nothing of it is proved: the certificate behind a link is.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wire/messages.h"
#include "wire/node_id.h"

namespace exogpu::net {

struct Announcement {
  wire::NodeId node{};
  std::string name{};                        // for people
  std::string version{};                     // of the program
  std::optional<wire::ClusterId> cluster{};  // none: it belongs to no cluster yet
  uint16_t port = 0;                         // where nodes connect
  bool lets_in = false;                      // it can make others members of its cluster
  // It lets somebody in now, by a code that it shows (1) or that the newcomer does (approval).
  std::optional<wire::CodeFrom> pairing{};
  friend bool operator==(const Announcement&, const Announcement&) = default;
};

inline constexpr size_t kAnnouncedNameBytesMax = 200;
inline constexpr size_t kAnnouncedVersionBytesMax = 64;

// The strings of the record. A longer name is cut.
std::vector<std::string> txt_of(const Announcement& said);

// Reads what txt_of() writes; fields that are not known are skipped, and of a field that stands there twice the first
// counts. The texts of the result can be shown as they are.
// Errors: corrupt, naming the field.
Result<Announcement> announcement_of(std::string_view instance, uint16_t port, std::span<const std::string> txt);

}  // namespace exogpu::net
