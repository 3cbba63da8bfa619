// The encoding of a served model, and of its record with the plan.
#include "wire/log_coding.h"

namespace exogpu::wire {
namespace {

// Runs of equal layers are encoded once.
void put(proto::ModelShape& out, const ModelShape& in) {
  out.set_name(text(in.name));
  out.set_bits_per_weight(in.bits_per_weight);
  out.set_experts_used_share(in.experts_used_share);
  out.set_activation_width(in.activation_width);
  out.set_vocabulary(in.vocabulary);
  out.set_context_granularity(in.context_granularity);
  for (size_t i = 0; i < in.layers.size(); ++i) {
    if (i > 0 && in.layers[i] == in.layers[i - 1]) {
      auto* last = out.mutable_layers(out.layers_size() - 1);
      last->set_times(last->times() + 1);
      continue;
    }
    auto* layer = out.add_layers();
    layer->set_weight_bytes(in.layers[i].weight_bytes);
    layer->set_active_weight_bytes(in.layers[i].active_weight_bytes);
    layer->set_kv_bytes_per_token(in.layers[i].kv_bytes_per_token);
    layer->set_state_bytes(in.layers[i].state_bytes);
    layer->set_joined_to_previous(in.layers[i].joined_to_previous);
    layer->set_flops_per_token(in.layers[i].flops_per_token);
    layer->set_attention_flops(in.layers[i].attention_flops);
    layer->set_window(in.layers[i].window);
    layer->set_times(1);
  }
  out.set_embedding_bytes(in.embedding_bytes);
  out.set_head_bytes(in.head_bytes);
  out.set_head_flops_per_token(in.head_flops_per_token);
  out.set_ends_shared_bytes(in.ends_shared_bytes);
  out.set_compute_bytes(in.compute_bytes);
  out.set_head_compute_bytes(in.head_compute_bytes);
  out.set_compute_bytes_per_token(in.compute_bytes_per_token);
  for (const WeightKind& kind : in.kinds) {
    auto* next = out.add_kinds();
    next->set_type(text(kind.type));
    next->set_use(text(kind.use));
    next->set_bytes(kind.bytes);
  }
}

Result<ModelShape> shape_of(const proto::ModelShape& in) {
  ModelShape out;
  EXO_TRY(out.name, name_of(in.name(), "the name of a model"));
  EXO_TRY(out.bits_per_weight, amount_of(in.bits_per_weight(), "the bits of a model's weights"));
  EXO_TRY(out.experts_used_share, amount_of(in.experts_used_share(), "the share of a model's experts"));
  out.activation_width = in.activation_width();
  out.vocabulary = in.vocabulary();
  out.context_granularity = in.context_granularity();
  for (const proto::Layer& field : in.layers()) {
    if (field.times() == 0 || field.times() > kLayersMax - out.layers.size()) {
      return fail(ErrorCode::corrupt, "a model of more than {} layers, or {} times a layer", kLayersMax, field.times());
    }
    LayerShape layer{.weight_bytes = field.weight_bytes(),
                     .active_weight_bytes = field.active_weight_bytes(),
                     .kv_bytes_per_token = field.kv_bytes_per_token(),
                     .state_bytes = field.state_bytes(),
                     .joined_to_previous = field.joined_to_previous(),
                     .flops_per_token = 0,
                     .attention_flops = 0,
                     .window = field.window()};
    EXO_TRY(layer.flops_per_token, amount_of(field.flops_per_token(), "the work of a layer"));
    EXO_TRY(layer.attention_flops, amount_of(field.attention_flops(), "the work of a layer's attention"));
    out.layers.insert(out.layers.end(), field.times(), layer);
  }
  out.embedding_bytes = in.embedding_bytes();
  out.head_bytes = in.head_bytes();
  EXO_TRY(out.head_flops_per_token, amount_of(in.head_flops_per_token(), "the work of a model's head"));
  out.ends_shared_bytes = in.ends_shared_bytes();
  out.compute_bytes = in.compute_bytes();
  out.head_compute_bytes = in.head_compute_bytes();
  out.compute_bytes_per_token = in.compute_bytes_per_token();
  EXO_CHECK(within(in.kinds_size(), kTypeLimitsMax, "the kinds of weights of a model"));
  for (const proto::WeightKind& field : in.kinds()) {
    WeightKind kind{.type = {}, .use = {}, .bytes = field.bytes()};
    EXO_TRY(kind.type, name_of(field.type(), "the type of a model's weights"));
    EXO_TRY(kind.use, name_of(field.use(), "the use of a model's weights"));
    out.kinds.push_back(std::move(kind));
  }
  return out;
}

Result<PlanRecord> plan_record_of(const proto::PlanRecord& in) {
  PlanRecord plan;
  EXO_TRY(plan.made, plan_made_of(in.made()));
  if (static_cast<size_t>(in.stages_size()) != plan.made.plan.stages.size()) {
    return fail(ErrorCode::corrupt, "a plan of {} stages with the status of {}", plan.made.plan.stages.size(),
                in.stages_size());
  }
  for (const proto::StageStatus& field : in.stages()) {
    StageStatus status;
    EXO_TRY(status.phase, phase_of(field.phase()));
    EXO_TRY(status.failure, name_of(field.failure(), "the failure of a stage", kReasonCharsMax));
    plan.stages.push_back(std::move(status));
  }
  return plan;
}

}  // namespace

void put(proto::ServedModel& out, const ServedModel& in) {
  out.set_model(text(in.model));
  out.set_content(text(in.content));
  put(*out.mutable_shape(), in.shape);
  put(*out.mutable_settings(), in.settings);
  out.set_layers(text(in.layers, kReasonCharsMax));
  for (const std::string& name : in.without) out.add_without(text(name));
  out.set_devices_min(in.devices_min);
  out.set_pinned(in.pinned);
  out.set_keep_loaded_s(in.keep_loaded_s);
  out.set_context_most(in.context_most);
}

Result<ServedModel> model_of(const proto::ServedModel& in) {
  ServedModel out;
  EXO_TRY(out.model, name_of(in.model(), "the name of a model"));
  EXO_TRY(out.content, name_of(in.content(), "the content of a model"));
  EXO_TRY(out.shape, shape_of(in.shape()));
  EXO_TRY(out.settings, settings_of(in.settings(), "a model"));
  EXO_TRY(out.layers, name_of(in.layers(), "the layers of a model", kReasonCharsMax));
  EXO_CHECK(within(in.without_size(), kWithoutMax, "the devices that a model is not to use"));
  for (const std::string& field : in.without()) {
    EXO_TRY(std::string name, name_of(field, "a device that a model is not to use"));
    out.without.push_back(std::move(name));
  }
  out.devices_min = in.devices_min();
  out.pinned = in.pinned();
  out.keep_loaded_s = in.keep_loaded_s();
  out.context_most = in.context_most();
  return out;
}

void put(proto::ModelRecord& out, const ModelRecord& in) {
  put(*out.mutable_served(), in.served);
  if (in.plan) {
    put(*out.mutable_plan()->mutable_made(), in.plan->made);
    for (const StageStatus& status : in.plan->stages) {
      auto* stage = out.mutable_plan()->add_stages();
      stage->set_phase(static_cast<uint32_t>(status.phase));
      stage->set_failure(text(status.failure, kReasonCharsMax));
    }
  }
  out.set_no_plan_reason(text(in.no_plan_reason, kReasonCharsMax));
  for (const auto& [device, reason] : in.unfit) {
    auto* unfit = out.add_unfit();
    unfit->set_node(text_of(device.node));
    unfit->set_device(text(device.device));
    unfit->set_reason(text(reason, kReasonCharsMax));
  }
}

Result<ModelRecord> model_record_of(const proto::ModelRecord& in) {
  ModelRecord out;
  EXO_TRY(out.served, model_of(in.served()));
  if (in.has_plan()) {
    EXO_TRY(out.plan, plan_record_of(in.plan()));
    if (out.plan->made.plan.content != out.served.content) {
      return fail(ErrorCode::corrupt, "a model with the plan of another");
    }
  }
  EXO_TRY(out.no_plan_reason, name_of(in.no_plan_reason(), "the reason why there is no plan", kReasonCharsMax));
  EXO_CHECK(within(in.unfit_size(), kUnfitMax, "the unfit devices of a model"));
  for (const proto::Unfit& field : in.unfit()) {
    DeviceRef device;
    EXO_TRY(device.node, node_of(field.node(), "an unfit device"));
    EXO_TRY(device.device, name_of(field.device(), "an unfit device"));
    EXO_TRY(out.unfit[device], name_of(field.reason(), "the reason why a device is unfit", kReasonCharsMax));
  }
  return out;
}

}  // namespace exogpu::wire
