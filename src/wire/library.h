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
  friend bool operator==(const LibraryModel&, const LibraryModel&) = default;
};

// How a model is to be loaded. What is absent is as the node that has the file is set up.
struct LoadSettings {
  bool pinned = false;
  std::optional<uint32_t> context;
  std::optional<uint32_t> sequences;
  std::optional<uint32_t> keep_loaded_s;  // 0: until it is unloaded
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
