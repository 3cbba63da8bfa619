// What happens between the segments of a run.
#pragma once

#include "base/result.h"
#include "engine/graph/segments.h"

namespace exogpu::engine {

// All calls come from the thread that runs the graph, segment after segment. An error ends the run; the segments behind
// are not computed.
class SegmentHooks {
 public:
  virtual ~SegmentHooks() = default;
  SegmentHooks() = default;
  SegmentHooks(const SegmentHooks&) = delete;
  SegmentHooks& operator=(const SegmentHooks&) = delete;

  // Before the backend is given the segment's nodes. What it was given earlier may still be computing.
  virtual Result<void> before(const Segment& /*segment*/) { return {}; }
  // After the backend was given them: a device with a queue may not have computed them yet.
  virtual Result<void> after(const Segment& /*segment*/) { return {}; }
};

}  // namespace exogpu::engine
