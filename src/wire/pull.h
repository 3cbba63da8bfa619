// The messages by which a node has a model pulled from a hub at the node that has room for it, and by which that one
// says to all nodes how far it is (proto/cluster.proto).
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/units.h"
#include "wire/frame.h"
#include "wire/messages.h"

namespace exogpu::wire {

inline constexpr size_t kPullSourceCharsMax = 2048;

// To every node: how much room it has.
struct PullQuery {
  static constexpr ControlType kType = ControlType::pull_query;
  uint64_t request = 0;  // chosen by the sender; likewise below
  friend bool operator==(const PullQuery&, const PullQuery&) = default;
};

struct PullRoom {
  static constexpr ControlType kType = ControlType::pull_room;
  uint64_t request = 0;
  std::optional<Bytes> bytes_free{};  // of the disk with its models folder; absent: it pulls no models
  friend bool operator==(const PullRoom&, const PullRoom&) = default;
};

struct PullModel {
  static constexpr ControlType kType = ControlType::pull_model;
  uint64_t request = 0;
  std::string source;  // "ORG/REPO:Q4_K_M", or an address
  friend bool operator==(const PullModel&, const PullModel&) = default;
};

struct PullCancel {
  static constexpr ControlType kType = ControlType::pull_cancel;
  uint64_t request = 0;
  friend bool operator==(const PullCancel&, const PullCancel&) = default;
};

// To every node, now and then, from the node that pulls.
struct PullReport {
  static constexpr ControlType kType = ControlType::pull_report;
  NodeId asker;          // the node that the pull was asked of
  uint64_t request = 0;  // there
  std::string source;
  uint32_t file = 0, files = 0;    // that is fetched now, of so many
  Bytes done = 0, total = 0;       // of that file
  bool ended = false;              // the last report
  std::string model{};             // then the name by which requests name the model,
  std::optional<Error> failure{};  // or why it could not be had
  friend bool operator==(const PullReport&, const PullReport&);
};

ByteVector encode(const PullQuery& message);
ByteVector encode(const PullRoom& message);
ByteVector encode(const PullModel& message);
ByteVector encode(const PullCancel& message);
ByteVector encode(const PullReport& message);

template <>
Result<PullQuery> decode<PullQuery>(std::span<const std::byte> bytes);
template <>
Result<PullRoom> decode<PullRoom>(std::span<const std::byte> bytes);
template <>
Result<PullModel> decode<PullModel>(std::span<const std::byte> bytes);
template <>
Result<PullCancel> decode<PullCancel>(std::span<const std::byte> bytes);
template <>
Result<PullReport> decode<PullReport>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
