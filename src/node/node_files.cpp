// The files of a node's models, which users have removed from its disk.
#include <chrono>
#include <utility>

#include "base/log.h"
#include "base/utf8.h"
#include "node/library/model_removal.h"
#include "node/library/served_names.h"
#include "node/node_impl.h"

namespace exogpu::node {
namespace {

using RemovalDone = std::function<void(Result<RemovedModel>)>;

RemovedModel described(const OwnModel& own, const std::string& node, const ModelFileList& list) {
  RemovedModel out{.model = own.facts.model, .node = node, .files = {}, .bytes_freed = list.bytes_freed};
  for (const std::filesystem::path& file : list.files) out.files.push_back(file.string());
  return out;
}

}  // namespace

// Errors: failed_precondition. What serves the file may know it by another name.
Result<void> Node::Impl::check_unused(const OwnModel& own) const {
  const std::string& name = own.facts.model;
  const wire::ReplicatedState& state = agent_->state();
  if (find_served(state, name) != nullptr || state.models.contains(own.facts.content)) {
    return fail(ErrorCode::failed_precondition, "{} is loaded; unload it first", printable(name));
  }
  if (loads_->active(name) || measuring_.contains(name) || model_files_->reading(own.path)) {
    return fail(ErrorCode::failed_precondition, "{} is being loaded; try again when that has ended", printable(name));
  }
  return {};
}

void Node::Impl::look_at_own_files() {
  library_->set_changed();
  library_->tick(std::chrono::steady_clock::now());
}

// Once it is known that there is something to remove.
void Node::Impl::remove_found(const OwnModel& own, const RemovalDone& done) {
  if (const auto unused = check_unused(own); !unused) return done(std::unexpected(unused.error()));
  model_files_->forget(own.path, own.facts.content);  // what is in use cannot be removed from the cache
  in_background([this, own, done] {
    auto removed = remove_files_of(own, options_.models, resources_.cache.get());
    loop_.post([this, own, done, removed = std::move(removed)] {
      look_at_own_files();
      if (!removed) return done(std::unexpected(removed.error()));
      log::info("node", "the files of {} were removed from this node, {} bytes", own.facts.model, removed->bytes_freed);
      done(described(own, name_, *removed));
    });
  });
}

// --- any thread

void Node::Impl::remove_model(const ModelRemoval& request, const RemovalDone& done) {
  loop_.post([this, request, done] {
    const OwnModel* own = library_->find(request.model);
    if (own == nullptr) return done(std::unexpected(no_file_here(agent_->state(), request.model)));
    const auto unused = check_unused(*own);
    if (!unused && !request.only_look) return done(std::unexpected(unused.error()));
    const std::string in_use = unused ? "" : unused.error().message;
    in_background([this, own = *own, only_look = request.only_look, in_use, done] {
      auto list = files_of(own, options_.models, resources_.cache.get());
      loop_.post([this, own, only_look, in_use, done, list = std::move(list)] {
        if (!list) look_at_own_files();  // gone by another node that shares the folder, or by hand
        if (!only_look) return list ? remove_found(own, done) : done(std::unexpected(list.error()));
        RemovedModel looked_at = described(own, name_, list.value_or(ModelFileList{}));
        looked_at.refusal = list ? in_use : list.error().message;
        done(std::move(looked_at));
      });
    });
  });
}

}  // namespace exogpu::node
