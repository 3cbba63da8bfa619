// exogpu inspect: what a model file holds, what fits where, and whether its weights are sound.
#include <unistd.h>

#include <cstdio>
#include <format>
#include <memory>

#include "cli/arguments/checks.h"
#include "cli/command.h"
#include "cli/inspect/report.h"
#include "cli/model_options.h"
#include "cli/open_model.h"
#include "cli/output.h"
#include "gpu/device.h"
#include "model/chat_template.h"
#include "model/consistency.h"

namespace exogpu::cli {
namespace {

struct InspectOptions {
  std::string file;
  bool json = false;
  bool tensors = false;
  bool metadata = false;
  bool check = false;
  std::vector<Bytes> memory;  // pretended devices
};

Result<std::vector<DeviceMemory>> devices_of(const InspectOptions& options) {
  std::vector<DeviceMemory> devices;
  for (Bytes bytes : options.memory) devices.push_back({.id = {}, .name = "assumed", .free = bytes});
  if (!devices.empty()) return devices;
  EXO_TRY(gpu::Machine machine, gpu::Machine::discover());
  for (const gpu::Device& device : machine.devices()) {
    devices.push_back({.id = device.info().id, .name = device.info().name, .free = device.memory().free});
  }
  return devices;
}

// Shows the progress of the check; silent where standard error is not a terminal.
class CheckProgress {
 public:
  explicit CheckProgress(Bytes all) : all_(all), shown_(isatty(STDERR_FILENO) != 0) {}
  ~CheckProgress() {
    if (shown_) print_err("\r{:20}\r", "");
  }
  void add(Bytes bytes) {
    done_ += bytes;
    if (shown_) print_err("\rchecking: {:3} %", done_ * 100 / all_);
  }

 private:
  Bytes all_, done_ = 0;
  bool shown_;
};

Result<CheckResult> check_weights(const model::Gguf& file) {
  CheckResult result;
  result.contradictions = model::contradictions(file);
  CheckProgress progress(file.file_bytes());
  for (const model::TensorInfo& tensor : file.tensors()) {
    model::NonFinite found = model::find_non_finite(tensor.type, file.data(tensor));
    file.release(tensor);
    if (found.count > 0) result.bad_tensors.push_back({&tensor, found});
    progress.add(tensor.bytes);
  }
  EXO_CHECK(file.check());
  return result;
}

// Why the chat template does not parse; empty when it does.
std::string template_fault(const model::Gguf& file) {
  const auto parsed = model::ChatTemplate::load(file);
  return parsed ? std::string() : parsed.error().message;
}

Result<void> inspect(const InspectOptions& options) {
  EXO_TRY(model::Gguf file, open_model(options.file));
  std::vector<DeviceMemory> devices;
  if (!file.tensors().empty()) {
    EXO_TRY(devices, devices_of(options));
  }
  CheckResult check;
  if (options.check) {
    EXO_TRY(check, check_weights(file));
  }
  Report report{.file = file,
                .summary = model::summarize(file),
                .devices = std::move(devices),
                .list_tensors = options.tensors,
                .list_metadata = options.metadata,
                .check = options.check ? &check : nullptr,
                .template_fault = template_fault(file)};
  write_out(options.json ? as_json(report) : as_text(report));
  if (!check.sound()) {
    size_t found = check.bad_tensors.size() + check.contradictions.size();
    return fail(ErrorCode::corrupt, "{}: the check found {} defect{}; get this file again", options.file, found,
                found == 1 ? "" : "s");
  }
  return {};
}

}  // namespace

void add_inspect(CLI::App& app, Action& action) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* command = app.add_subcommand("inspect", "Show what a model file holds, and on which devices it fits");
  add_model_argument(*command, options->file)->required();
  command->add_flag("--json", options->json, "Print JSON");
  command->add_flag("--tensors", options->tensors, "List every tensor");
  command->add_flag("--metadata", options->metadata, "List the metadata, long values shortened");
  command->add_flag("--check", options->check,
                    "Read all weights and look for NaN and infinity; the exit status is 1 when something is wrong");
  command
      ->add_option("--memory", options->memory,
                   "Show what fits into devices with so much memory, for example 8GiB, instead of this machine's")
      ->transform(byte_size())
      ->type_name("SIZE")
      ->delimiter(',');
  command->callback([options, &action] { action = [options] { return inspect(*options); }; });
}

}  // namespace exogpu::cli
