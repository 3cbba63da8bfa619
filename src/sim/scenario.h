// What is simulated, as a small file describes it (tests/scenarios/*.json). docs/architecture.md has an example.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "telemetry/testing/heated_device.h"

namespace exogpu::sim {

struct NetworkSettings {
  double delay_ms = 0.2;   // one way
  double jitter_ms = 0.2;  // on top, on the average
  double loss = 0;         // of messages
  double duplicate = 0;
  double reorder = 0;  // delayed by up to 50 ms, so that others overtake
  // Whether a connection that breaks, or carries nothing for a second, is noticed; else only silence is.
  bool channels = true;
};

// Faults begin at random, so many in a second of the whole cluster, and last for up to `longest_s`.
struct FaultRates {
  double crash = 0;      // and start over, with nothing but what was on disk
  double stall = 0;      // a process that stops for a while, and then continues
  double partition = 0;  // the nodes are two groups
  double one_way = 0;    // one direction of one link
  double slow = 0;       // a link of 50 to 300 ms
  double burst = 0;      // a third of all messages is lost
  double work = 0;       // a fetch, load or connect fails, of ten
  double drain = 0;
  double model = 0;     // another model is to be served, in place of the oldest where there are as many as `models`
  double heat = 0;      // a device computes at a tenth to seven tenths of its rate, and reports so; not with traces
  double sensor = 0;    // the temperature that a device with a trace reports is an old one, absent, or wild at times
  double battery = 0;   // a node runs on a battery with 2 to 40 % left
  double shortage = 0;  // a node is short of memory, and asks plans to use a fifth to four fifths of it
  double longest_s = 4;
};

// The clients of all nodes.
struct RequestSettings {
  double per_s = 0;  // of the whole cluster
  uint32_t prompt_max = 60, tokens_max = 40;
  uint32_t pool_tokens = 0;   // that the sequences of a model share; 0: a whole context for each
  uint32_t context_most = 0;  // to which plans may make the pool larger where there is memory; 0: they do not
  uint32_t burst = 0;         // requests of one client at once, every few seconds
};

struct ScriptStep {
  double at_s = 0;
  std::string what;  // "crash", "start", "stall", "cut", "heal", "model", "drain", "undrain"
  int node = -1;     // -1: the leader of that moment
  double for_s = 0;  // of stall and cut
};

struct Scenario {
  std::string name;
  uint32_t nodes = 3;
  double faults_s = 10;         // in which faults happen
  double settle_s = 8;          // after the last
  double measure_s = 0;         // at the end, in which traffic is counted
  double member_bytes_max = 0;  // a second, of each node but the leader, in that time; 0: whatever
  uint32_t models = 1;          // served at once
  uint32_t library = 0;         // models that requests name, and that are loaded then; 0: those that are served
  uint32_t layers = 12;         // of each
  bool recurrent = false;       // most layers keep a recurrent state
  double layer_mb = 100;
  double memory_mb_min = 300, memory_mb_max = 1500;  // of each node's device
  NetworkSettings network;
  FaultRates faults;
  RequestSettings requests;
  std::vector<ScriptStep> script;
  // The physics of the nodes' devices, by turns (tests/traces); empty: devices become hot by fault alone.
  std::vector<telemetry::testing::HeatTrace> traces;
  double temperature_max_c = 0;  // that the owners of devices with traces allow; 0: what the hardware withstands
  double election_max_s = 0;     // 0: whatever; else until all obey a new leader after one was crashed
  double profile_off = 0;        // profiles say so many times what devices are, or the reciprocal; 0: they are right
  bool codec = true;             // each message is encoded and decoded; else only encoded
  bool wants_service = false;    // the model is served in the end, by a plan without avoided devices
};

// Errors: not_found, invalid_argument naming the file and the field.
Result<Scenario> read_scenario(const std::filesystem::path& path);

}  // namespace exogpu::sim
