// --state and --key-passphrase-file: the identity of a node of this user.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "base/result.h"
#include "security/identity_store.h"

namespace exogpu::cli {

struct StateOptions {
  std::string state;  // for state_folder()
  std::string passphrase_file;
};

// `group`: of the help; empty: the command's own.
void add_state_options(CLI::App& command, StateOptions& options, const std::string& group = {});

// Null without --key-passphrase-file. Errors: those of KeyPassphrase::read().
Result<std::shared_ptr<const security::KeyPassphrase>> key_passphrase(const StateOptions& options);

// Errors: those of state_folder() and of key_passphrase().
Result<security::IdentityStore> identity_store(const StateOptions& options);

}  // namespace exogpu::cli
