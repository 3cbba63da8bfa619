#include "cli/state_options.h"

#include "cli/folders.h"

namespace exogpu::cli {

void add_state_options(CLI::App& command, StateOptions& options, const std::string& group) {
  auto* state = command.add_option("--state", options.state, "The folder of this node's identity")->type_name("DIR");
  auto* passphrase =
      command
          .add_option("--key-passphrase-file", options.passphrase_file,
                      "Encrypt the private keys in that folder with the passphrase in the first line of this file; "
                      "needed from then on")
          ->envname("EXOGPU_KEY_PASSPHRASE_FILE")
          ->type_name("FILE");
  if (group.empty()) return;
  state->group(group);
  passphrase->group(group);
}

Result<std::shared_ptr<const security::KeyPassphrase>> key_passphrase(const StateOptions& options) {
  if (options.passphrase_file.empty()) return nullptr;
  return security::KeyPassphrase::read(options.passphrase_file);
}

Result<security::IdentityStore> identity_store(const StateOptions& options) {
  EXO_TRY(std::filesystem::path state, state_folder(options.state));
  EXO_TRY(auto passphrase, key_passphrase(options));
  return security::IdentityStore(std::move(state), std::move(passphrase));
}

}  // namespace exogpu::cli
