// The commands about the roles of nodes, as in command.h.
#pragma once

#include "cli/command.h"

namespace exogpu::cli {

void add_role(CLI::App& app, Action& action);
void add_roles(CLI::App& app, Action& action);
void add_recovery(CLI::App& app, Action& action);
void add_recover(CLI::App& app, Action& action);

}  // namespace exogpu::cli
