// The names of models that are served: a file may have the content of a model that is served by another name.
//
// What one name stands for is decided by the first node (by id) that is online and knows the content of its file of
// that name, so that all nodes decide alike.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/cluster_log.h"

namespace exogpu::node {

// Content ids of served models by the names of files with that content, without the names that they are served by.
std::map<std::string, std::string> other_names(const wire::ReplicatedState& state);

// The model to be served that requests mean by this name. Null: none.
const wire::ModelRecord* find_served(const wire::ReplicatedState& state, std::string_view name);

// That this node has no file of this model, naming the online nodes that have one. not_found: nobody has.
Error no_file_here(const wire::ReplicatedState& state, const std::string& name);

}  // namespace exogpu::node
