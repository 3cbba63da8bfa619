// What a node offers to the code that requests answers: the HTTP interface, the C library.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "engine/generation.h"
#include "model/answer/answer_piece.h"
#include "model/tokenizer/tokenizer.h"
#include "node/access_keys.h"
#include "node/admission.h"
#include "node/audit.h"
#include "node/cluster_snapshot.h"
#include "node/finding.h"
#include "node/node_metrics.h"
#include "node/plan_preview.h"
#include "node/prompt.h"
#include "node/recent.h"
#include "node/streams/stream_store.h"
#include "telemetry/snapshot.h"
#include "wire/library.h"
#include "wire/owner_limits.h"
#include "wire/ring.h"
#include "wire/role.h"

namespace exogpu::node {

// Whether a model is in memory. One that is not is loaded when a request names it.
enum class ModelState : uint8_t { unloaded, loading, loaded };

struct ModelEntry {
  std::string id;  // what a request names
  std::chrono::system_clock::time_point
      created;                  // when this node first served it; of others, when the file was changed
  uint32_t context_tokens = 0;  // of one that is not loaded, of its training; 0: unknown
  ModelState state = ModelState::loaded;
  std::string load_reason{};  // for people: why it is not loaded yet, or could not be
  bool load_failed = false;   // the last time that it was to be loaded
  bool embeddings = false;    // it gives embeddings of texts, and writes none
};

// Of a request for the embedding of a text, or of its tokens.
struct EmbeddingOptions {
  bool truncate = false;    // the end of a text that is too long is dropped; without it, the text is refused
  uint32_t dimensions = 0;  // the first so many values, where the model was trained for that; 0: all
};

struct ShortenedPrompt {
  Prompt prompt;
  uint32_t messages_removed = 0;
};
// How a conversation becomes shorter where it does not fit.
struct Shortening {
  uint32_t turns = 0;                                      // that may go; at least one
  std::function<ShortenedPrompt(uint32_t turns)> without;  // so many, the oldest; any thread
};

struct GenerationRequest {
  std::string model;
  Prompt prompt;
  std::optional<Shortening> shortening{};       // without it, a prompt that does not fit is refused
  std::optional<EmbeddingOptions> embedding{};  // of the prompt, a text or tokens; there is no answer then
  engine::GenerateOptions options;              // sampling.logprobs asks for TokenReport
  std::set<std::string> sampling_given{};       // the fields of the sampler that the client has set, by name
  uint32_t answers = 1;                         // answer i draws with the seed options.sampling.seed + i
  // How long it waits while the online nodes cannot hold the model; without a value, as the node is set up. With a
  // value it is also refused at once if it would wait longer for the requests of others.
  std::optional<std::chrono::milliseconds> wait{};
  // How long its model stays loaded after it, where it was loaded for a request; 0: until it is unloaded.
  std::optional<uint32_t> keep_loaded_s{};
  wire::ClientId client{};  // requests that wait are served fairly between clients
};

struct TokenReport {
  struct Candidate {
    model::TokenId token = 0;
    std::string bytes;  // may be part of a character
    float logprob = 0;  // natural logarithm, of the model itself
  };
  Candidate chosen;
  bool begins = false;               // the first token of an echoed prompt, behind nothing: it has no logprob
  std::vector<Candidate> likeliest;  // as many as were asked for, likeliest first
};

// Receives the events of one generation. It is called on any thread, one call at a time; calls return at once and do
// not wait for the client. The last call is on_error(), or on_end() of the last answer; then the listener is released.
class GenerationListener {
 public:
  virtual ~GenerationListener() = default;

  // Once and first: the prompt is rendered, encoded and fits, and the devices have accepted it.
  virtual void on_prompt(uint32_t prompt_tokens) = 0;

  // Before on_prompt(): the prompt did not fit, and was shortened.
  virtual void on_shortened(uint32_t messages_removed) { (void)messages_removed; }

  // More of answer `answer` (0 ... answers - 1): whole UTF-8 characters, nothing of a stop string. `piece` may be an
  // empty text where a token completes no character; `tokens` has the tokens since the last call, where they were asked
  // for. Of a text or tokens to continue, all pieces are text.
  virtual void on_piece(uint32_t answer, const model::AnswerPiece& piece, std::span<const TokenReport> tokens) = 0;

  // Once, before on_end(0), where that was asked for: the text's embedding as the model computes it, not normalised.
  virtual void on_embedding(std::span<const float> values) { (void)values; }

  // Before on_error(unavailable): the reason is that too many requests wait, and this would have been its place.
  virtual void on_refused(const wire::QueuePlace& place) { (void)place; }

  virtual void on_end(uint32_t answer, const engine::GenerateStats& stats) = 0;

  // All answers end here. invalid_argument (a template's own complaint, a token outside the vocabulary), not_found (no
  // such model), resource_exhausted (the prompt is longer than the context, or a text to embed than a batch where it
  // must come in one; for nothing else), unavailable (too much to
  // do, or a device is away: may work later), cancelled, and what else may happen to a device.
  virtual void on_error(const Error& error) = 0;
};

// A model, as requests name it, whose files a node is to remove.
struct ModelRemoval {
  std::string model;
  bool only_look = false;  // nothing is removed: what would be, and whether it may
};
struct RemovedModel {
  std::string model;
  std::string node;                // by name
  std::vector<std::string> files;  // their paths; of one that was only looked at, none where they have to stay for good
  Bytes bytes_freed = 0;           // on the disk
  std::string refusal{};           // of one that was only looked at, why its files have to stay now
};

// How far the fetching of a model is: of its file number `file` of `files`.
struct PullProgress {
  size_t file = 0, files = 0;
  Bytes done = 0, total = 0;
};

// Receives the events of one pull, on any thread, one call at a time; calls return at once. The last is on_end().
class PullListener {
 public:
  virtual ~PullListener() = default;
  virtual void on_progress(const PullProgress& progress) = 0;
  virtual void on_end(const Result<std::string>& name) = 0;  // by which requests name the model
};

// Thread-safe. No call waits for a device, a disk or the network; only wait_for_cluster() waits at all.
class Service {
 public:
  virtual ~Service() = default;

  // What requests may name, loaded models first; the first is taken where a request names none.
  virtual std::vector<ModelEntry> models() const = 0;

  // The text side of a model that requests may name; of the first one where `model` is empty. It stays valid when the
  // model is no longer served. Errors: not_found; unavailable, with the reason: it is not loaded.
  virtual Result<std::shared_ptr<ModelText>> text(std::string_view model) const = 0;

  // Errors: unavailable, with the reason, where models are to be served and none is: one is still being loaded, a
  // device is away.
  virtual Result<void> ready() const = 0;

  // The cluster as this node knows it now. Never null; does not change once it is returned.
  virtual std::shared_ptr<const ClusterSnapshot> cluster() const = 0;

  // Waits until the snapshot has a version above `version`, until `timeout` has passed, or until the node stops;
  // returns the snapshot as it is then. For a caller with a thread of its own: every other call returns at once.
  virtual std::shared_ptr<const ClusterSnapshot> wait_for_cluster(uint64_t version,
                                                                  std::chrono::milliseconds timeout) const = 0;

  // Plans stop using the devices of this node, given by its name or id, or may use them again. Takes effect soon after
  // this returns and shows in cluster(). Errors: not_found, unavailable (the cluster has no leader).
  virtual Result<void> drain(std::string_view node, bool draining) = 0;

  // This node, given by its name or id, is a member no longer: no node has to do with it from now on, and its id never
  // is a member's again. In force at this node when this returns, at the nodes that it is connected to soon after, and
  // at others when they connect. Waits for the disk. Errors: not_found, invalid_argument (this node itself),
  // failed_precondition (this node has no key of the authority), io_error, permission_denied.
  virtual Result<void> remove(std::string_view node) {
    (void)node;
    return fail(ErrorCode::unsupported, "this service removes no nodes");
  }

  // This node, given by its name or id, has this name from now on, also when it starts again. Takes effect soon after
  // this returns and shows in cluster(). Errors: not_found, invalid_argument (no node can have this name),
  // already_exists (another node has it), unavailable (the node is offline).
  virtual Result<void> rename(std::string_view node, const std::string& name) {
    (void)node, (void)name;
    return fail(ErrorCode::unsupported, "this service renames no nodes");
  }

  // What this node may do in its cluster.
  virtual wire::Role role() const { return wire::Role::owner; }

  // The node, given by its name or id, has this role from now on: at this node when this returns, at the nodes that it
  // is connected to soon after, and at others when they connect. Waits for the disk. Errors: not_found;
  // failed_precondition (this node is no owner, the cluster has no roles, or it would have no owner); io_error,
  // permission_denied.
  virtual Result<void> set_role(std::string_view node, wire::Role role) {
    (void)node, (void)role;
    return fail(ErrorCode::unsupported, "this service gives no roles");
  }
  // A cluster of an older version has roles from now on: this node is its owner, the others that it knows are members
  // and forget the authority's key. Errors: already_exists (it has roles), and as above.
  virtual Result<void> begin_roles() { return fail(ErrorCode::unsupported, "this service gives no roles"); }

  // What this node, given by its name or id, may use has these limits from now on, also when it starts again. Takes
  // effect soon after this returns and shows in cluster(). Errors: not_found, invalid_argument (no limit can be so),
  // unavailable (the node is offline).
  virtual Result<void> set_limits(std::string_view node, const wire::LimitChanges& changes) {
    (void)node, (void)changes;
    return fail(ErrorCode::unsupported, "this service has no limits");
  }

  // The cluster is to serve this model of its library, given by its name, beside the others; or with these settings.
  // Takes effect soon after this returns and shows in models(), also where it fails. Errors: not_found, unavailable
  // (the cluster has no leader).
  virtual Result<void> load(std::string_view model, const wire::LoadSettings& settings) = 0;

  // The cluster no longer serves this model, given by its name, once the answers that it is writing have ended. Takes
  // effect soon after this returns and shows in cluster(). Errors: not_found, unavailable (the cluster has no leader).
  virtual Result<void> unload(std::string_view model) = 0;

  // How the cluster would be planned for a model of the library, without loading it. `done` is called once, from any
  // thread, possibly before this returns. Errors: not_found; failed_precondition (no file here: the message names the
  // nodes to ask); those of the planner.
  virtual void preview(const PreviewRequest& request, const std::function<void(Result<PlanPreview>)>& done) {
    (void)request;
    done(fail(ErrorCode::unsupported, "this service plans nothing"));
  }

  // Lets newcomers join by a pairing code, see Admission. `done` as for preview().
  virtual void admit(const AdmissionRequest& request, const std::function<void(Result<AdmissionStatus>)>& done) {
    (void)request;
    done(fail(ErrorCode::unsupported, "this service admits nobody"));
  }

  // Opens a channel to the node of the cluster at this address, which others then hear of. `done` as for preview().
  // Errors: those of the connection, with what to do about them; invalid_argument (this node's own address).
  virtual void connect(const std::string& host, uint16_t port, const std::function<void(Result<void>)>& done) {
    (void)host, (void)port;
    done(fail(ErrorCode::unsupported, "this service calls nobody"));
  }

  // What `exogpu doctor` finds on this node; takes some seconds. `done` as for preview(). Errors: unavailable (another
  // examination is in progress).
  virtual void examine(const std::function<void(Result<std::vector<Finding>>)>& done) {
    done(fail(ErrorCode::unsupported, "this service examines nothing"));
  }

  // Fetches a model from a hub into the models folder of this node: "ORG/REPO:Q4_K_M", or an address. One at a time;
  // others wait. What has arrived stays when `cancel` asks to stop, and the next pull goes on from there. Errors, which
  // the listener receives: what `exogpu pull` says; unavailable (too many wait), unsupported (this node cannot pull).
  virtual void pull(std::string source, std::shared_ptr<PullListener> listener, std::stop_token cancel) = 0;

  // The keys of the API that this node knows. A change reaches the other nodes at once, or once they are there. Those
  // of its calls that change keys wait for the disk.
  virtual AccessKeys& access_keys() = 0;

  // What is recorded of the requests and of their senders; null: nothing.
  virtual Audit* audit() { return nullptr; }

  // Begins; everything, errors too, is reported to the listener, possibly before this returns. When `cancel` asks to
  // stop, the work ends soon, with on_end() (FinishReason::cancelled) or on_error().
  virtual void generate(GenerationRequest request, std::shared_ptr<GenerationListener> listener,
                        std::stop_token cancel) = 0;

  // Keeps the bytes of a stream, which clients may read at every node of the cluster. Null if too many are kept
  // already. The service must outlive the writer.
  virtual std::unique_ptr<StreamStore::Writer> keep_stream(wire::StreamId id, StreamOptions options) = 0;
  // Reads a stream that this or another node keeps. Errors: those of StreamStore::read() and StreamRelay::read().
  virtual void read_stream(wire::StreamRead request, StreamReader done) = 0;

  // How the devices of the cluster are, as this node knows it: the first call has them ask the other nodes, of which a
  // later call then knows, too.
  virtual telemetry::TelemetrySnapshot telemetry(const telemetry::HistoryQuery&) const { return {}; }
  // What users should know of now, the most severe first.
  virtual std::vector<wire::Alert> alerts() const { return {}; }
  // What this node counts about itself.
  virtual NodeMetrics metrics() const { return {}; }

  // The last events of the cluster as this node saw them, behind the one with this number; the oldest first.
  virtual std::vector<RecentEvent> events(uint64_t after) const {
    (void)after;
    return {};
  }
  // The last answers to this node's clients, the oldest first.
  virtual std::vector<RecentRequest> recent_requests() const { return {}; }
  // How the links of the cluster were: the last `values` of each, one for each LinkHistory::kStep.
  virtual std::vector<LinkPast> link_past(size_t values) const {
    (void)values;
    return {};
  }

  // This node's files of a model of the library are removed from its disk; those of other nodes stay. `done` as for
  // preview(). Errors: not_found; failed_precondition (the model is loaded or being loaded; no file here: the message
  // names the nodes to ask; a file outside of the models folder), permission_denied, io_error.
  virtual void remove_model(const ModelRemoval& request, const std::function<void(Result<RemovedModel>)>& done) {
    (void)request;
    done(fail(ErrorCode::unsupported, "this service removes no models"));
  }
};

}  // namespace exogpu::node
