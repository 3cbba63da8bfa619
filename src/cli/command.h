// The commands of the program, each in a file of cli/commands/.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "base/result.h"

namespace exogpu::cli {

// Runs the chosen command after the arguments are parsed.
using Action = std::function<Result<void>()>;

// Each adds one command to `app`, which sets `action` if it is chosen.
void add_inspect(CLI::App& app, Action& action);
void add_tokenize(CLI::App& app, Action& action);
void add_devices(CLI::App& app, Action& action);
void add_eval(CLI::App& app, Action& action);
void add_check(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_plan(CLI::App& app, Action& action);
void add_run(CLI::App& app, Action& action);
void add_pull(CLI::App& app, Action& action);
void add_models(CLI::App& app, Action& action);
void add_serve(CLI::App& app, Action& action);
void add_demo(CLI::App& app, Action& action);
void add_token(CLI::App& app, Action& action);
void add_pair(CLI::App& app, Action& action);
void add_join(CLI::App& app, Action& action);
void add_approve(CLI::App& app, Action& action);
void add_status(CLI::App& app, Action& action);
void add_top(CLI::App& app, Action& action);
void add_drain(CLI::App& app, Action& action);
void add_load(CLI::App& app, Action& action);
void add_unload(CLI::App& app, Action& action);
void add_keys(CLI::App& app, Action& action);
void add_remove(CLI::App& app, Action& action);
void add_rename(CLI::App& app, Action& action);
void add_limits(CLI::App& app, Action& action);
void add_audit(CLI::App& app, Action& action);
void add_ps(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
void add_completion(CLI::App& app, Action& action);

}  // namespace exogpu::cli
