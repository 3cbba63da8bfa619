// What a node publishes on the local network: the TXT record of its service `_exo-gpu._tcp`, and its port.
//
//   txtvers=1  id=NODE  name=TEXT  version=TEXT  cluster=CLUSTER  lets_in=1  pairing=1 or approval
//
// The instance name of the service is the node's id. None of this is proved; the certificate of a link is.
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
  std::string name{};                        // for display
  std::string version{};                     // program version
  std::optional<wire::ClusterId> cluster{};  // empty: the node belongs to no cluster yet
  uint16_t port = 0;                         // for connections of nodes
  bool lets_in = false;                      // the node can admit members to its cluster
  // Set while the node pairs: with a code that it shows (1) or that the newcomer shows (approval).
  std::optional<wire::CodeFrom> pairing{};
  friend bool operator==(const Announcement&, const Announcement&) = default;
};

inline constexpr size_t kAnnouncedNameBytesMax = 200;
inline constexpr size_t kAnnouncedVersionBytesMax = 64;

// The strings of the TXT record. A name that is too long is cut.
std::vector<std::string> txt_of(const Announcement& announcement);

// Reads the output of txt_of(). Unknown fields are ignored; of a repeated field the first counts. The result's texts
// are safe to display.
// Errors: corrupt, naming the field.
Result<Announcement> announcement_of(std::string_view instance, uint16_t port, std::span<const std::string> txt);

}  // namespace exogpu::net
