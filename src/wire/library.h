// The library of a cluster: which models its nodes have files of, and the messages by which a node asks one that has a
// file to propose the model (proto/cluster.proto).
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "wire/frame.h"
#include "wire/messages.h"
#include "wire/serving_settings.h"

namespace exogpu::wire {

inline constexpr size_t kLibraryModelsMax = 128;  // of one node

// What a model can do, as its file says.
struct ModelAbilities {
  bool chat = false;        // has a chat template
  bool tools = false;       // whose template knows tools
  bool thinking = false;    // whose template knows reasoning
  bool embeddings = false;  // computes embeddings, and no texts
  bool infill = false;      // has the tokens to fill in the middle of a text
  friend bool operator==(const ModelAbilities&, const ModelAbilities&) = default;
};

// What a model takes and computes, by the header of its file: what the planner predicts its speed by before it is
// loaded. The sums are over all layers.
struct ModelWork {
  Bytes layer_bytes = 0;         // weights of the layers; 0: unknown, and there is no prediction
  Bytes active_layer_bytes = 0;  // read for one token
  Bytes embedding_bytes = 0;
  Bytes head_bytes = 0;
  Bytes ends_shared_bytes = 0;   // see ModelShape
  Bytes kv_bytes_per_token = 0;  // with an F16 cache
  double flops_per_token = 0;    // of the layers
  uint32_t activation_width = 0;
  uint32_t vocabulary = 0;
  friend bool operator==(const ModelWork&, const ModelWork&) = default;
};

// A model of which a node has all files.
struct LibraryModel {
  std::string model;    // as requests name it
  std::string content;  // its content id, as text; empty until the files were read whole
  Bytes bytes = 0;      // of its tensors
  std::string architecture;
  std::string quantisation;  // "Q4_K_M"; empty if the file does not say
  uint32_t layers = 0;
  uint64_t parameters = 0;
  uint64_t context = 0;    // tokens of the training; 0: unknown
  uint64_t changed_s = 0;  // when the file was changed last, in seconds since 1970
  ModelAbilities abilities;
  ModelWork work{};
  friend bool operator==(const LibraryModel&, const LibraryModel&) = default;
};

// How a node is set up to have a model loaded.
struct LoadDefaults {
  ServingSettings serving;  // 0 for the context or the sequences: see engine::complete_settings()
  uint32_t devices_min = 1;
  std::vector<std::string> without;  // excluded devices, by name
  uint32_t keep_loaded_s = 0;
  friend bool operator==(const LoadDefaults&, const LoadDefaults&) = default;
};

// How a model is to be loaded. What is absent is as in `defaults`, those of the node that was asked for the model;
// without these, as the node that has the file is set up.
struct LoadSettings {
  bool pinned = false;
  std::optional<uint32_t> context;
  std::optional<uint32_t> sequences;
  std::optional<uint32_t> keep_loaded_s;  // 0: until it is unloaded
  std::optional<LoadDefaults> defaults{};
  std::optional<std::string> layers{};                // as ServedModel has them; empty: planned
  std::optional<std::vector<std::string>> without{};  // excluded devices, by name
  std::optional<Objective> objective{};
  // Whether a user or a client wants the same of both; what the nodes do otherwise does not matter.
  bool same_wish(const LoadSettings& other) const {
    return pinned == other.pinned && context == other.context && sequences == other.sequences &&
           keep_loaded_s == other.keep_loaded_s && layers == other.layers && without == other.without &&
           objective == other.objective;
  }
  friend bool operator==(const LoadSettings&, const LoadSettings&) = default;
};

// To a node that has a file of the model: it is to propose to the cluster to serve it.
struct LoadModel {
  static constexpr ControlType kType = ControlType::load_model;
  std::string model;  // as LibraryModel names it
  LoadSettings settings;
  friend bool operator==(const LoadModel&, const LoadModel&) = default;
};

// The reply where that cannot be done. What is done shows in the replicated state.
struct LoadRefused {
  static constexpr ControlType kType = ControlType::load_refused;
  std::string model;
  Error reason;
};

ByteVector encode(const LoadModel& message);
ByteVector encode(const LoadRefused& message);

template <>
Result<LoadModel> decode<LoadModel>(std::span<const std::byte> bytes);
template <>
Result<LoadRefused> decode<LoadRefused>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
