// What the commands that let another device in by a code have in common.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/interruption.h"
#include "security/pairing/store.h"

namespace exogpu::cli {

// The folder of a member that can let others in and whose node runs. `option` is what the person gave, or empty.
// Errors: failed_precondition, which says what to do and, where this device cannot let others in, which can.
Result<std::filesystem::path> state_that_lets_in(const std::string& option);

enum class Watched {
  paired,
  wrong,  // a guess was made, and the code is used up
  expired,
  replaced,     // by another code, of another command
  interrupted,  // and the code withdrawn
  nobody_came,  // within `patience`, and the code withdrawn
};

// Waits for what becomes of a code. Errors: those of the store.
Result<Watched> watch(const security::PairingStore& store, const security::PairingCode& code,
                      const Interruption& interruption, std::optional<std::chrono::seconds> patience = {});

// "laptop is part of this cluster now.", by the name that it gave.
Result<std::string> let_in_text(const security::PairingStore& store, const security::PairingCode& code);

}  // namespace exogpu::cli
