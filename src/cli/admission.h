// What the commands that let another device in by a code have in common.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/interruption.h"
#include "cli/state_options.h"
#include "security/pairing/store.h"
#include "wire/role.h"

namespace exogpu::cli {

// The folder of a member that can let others in and whose node runs.
// Errors: those of the options; failed_precondition, which reports what to do and, if this device cannot admit others,
// which devices can.
Result<std::filesystem::path> admitting_state(const StateOptions& options);

enum class WatchOutcome {
  paired,
  wrong,  // a guess failed, and the code is used up
  expired,
  replaced,     // by another code, of another command
  interrupted,  // and the code withdrawn
  timed_out,    // within `timeout`, and the code withdrawn
};

// Waits for what becomes of a code. Errors: those of the store.
Result<WatchOutcome> watch(const security::PairingStore& store, const security::PairingCode& code,
                           const Interruption& interruption, std::optional<std::chrono::seconds> timeout = {});

// --role of a command that lets a device in.
void add_role_option(CLI::App& command, std::string& role);
// What it says; empty: the cluster's default. Errors: invalid_argument.
Result<std::optional<wire::Role>> asked_role(const std::string& text);

// "laptop is part of this cluster now.", by the name that it gave.
Result<std::string> admitted_text(const security::PairingStore& store, const security::PairingCode& code);

}  // namespace exogpu::cli
