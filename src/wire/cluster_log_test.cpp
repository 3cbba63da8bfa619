#include "wire/cluster_log.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "proto/cluster.pb.h"
#include "wire/testing/messages.h"

namespace exogpu::wire {
namespace {

using namespace testing;

constexpr uint64_t kFar = uint64_t{1} << 40;

Term some_term() { return {.counter = 7, .leader = id_of(3)}; }
Position some_position() { return {.term = some_term(), .index = kFar}; }

NodeFacts some_facts() {
  NodeFacts facts;
  facts.info.self = {.node = id_of(5), .name = "desk", .addresses = {"::1"}, .link_port = 9, .api_url = "http://a"};
  DeviceProfile device;
  device.id = {.node = id_of(5), .device = "cuda0"};
  device.node_name = "desk";
  device.name = "A GPU";
  device.memory_free = kFar;
  device.memory_bytes_per_s = 1e12;
  device.rates = {{.type = "q4_K", .bits_per_weight = 4.5, .matvec_bytes_per_s = 1e11, .matmul_flops_per_s = 2e13}};
  facts.info.devices = {device};
  facts.info.links = {
      {.from = id_of(5), .to = id_of(6), .delay_s = 1e-4, .bytes_per_s = 1e8, .jitter_s = 2e-5, .loss = 0.01}};
  facts.version = "0.1.0";
  facts.incarnation = UINT64_MAX;
  facts.fitness = {.mains = false, .wired = false, .steadiness = 3};
  return facts;
}

ServingSettings served_settings() {
  return {.context = 4096,
          .sequences = 3,
          .batch_tokens = 512,
          .kv_type = KvType::q8_0,
          .flash_attention = FlashAttention::on,
          .activations = Dtype::f16,
          .objective = Objective::first_token};
}

ServedModel some_model() {
  ServedModel model;
  model.model = "demo";
  model.content = "abc";
  model.shape.name = "demo";
  model.shape.bits_per_weight = 4.5;
  model.shape.experts_used_share = 0.25;
  model.shape.activation_width = 64;
  model.shape.vocabulary = 1000;
  model.shape.context_granularity = 256;
  const LayerShape layer{.weight_bytes = kFar,
                         .active_weight_bytes = 4,
                         .kv_bytes_per_token = 8,
                         .state_bytes = 16,
                         .joined_to_previous = true,
                         .flops_per_token = 2e8,
                         .attention_flops = 16384,
                         .window = 512};
  model.shape.layers = {layer, layer, {.weight_bytes = 1, .active_weight_bytes = 1, .flops_per_token = 1}, layer};
  model.shape.embedding_bytes = 11;
  model.shape.head_bytes = 12;
  model.shape.head_flops_per_token = 13;
  model.shape.ends_shared_bytes = 10;
  model.shape.compute_bytes = 14;
  model.shape.head_compute_bytes = 15;
  model.shape.compute_bytes_per_token = 16;
  model.shape.kinds = {{.type = "mxfp4", .use = "experts", .bytes = kFar},
                       {.type = "q8_0", .use = "matrix", .bytes = 7}};
  model.settings = served_settings();
  model.layers = "a:0-3";
  model.without = {"b/cpu"};
  model.devices_min = 2;
  return model;
}

PlanMade some_plan_made() {
  StagePlan plan{.epoch = PlanEpoch(kFar),
                 .model = "demo",
                 .content = "abc",
                 .stages = {{.device = {.node = id_of(5), .device = "cuda0"}, .layers = {0, 4}}},
                 .settings = served_settings(),
                 .step_cost_tokens = 2.5};
  return {
      .plan = std::move(plan),
      .stage_bytes = {kFar},
      .predicted = {.first_token_s = 1, .tokens_per_s_alone = 2, .tokens_per_s_parallel = 3, .joules_per_token = 4},
      .unused = {{.device = {.node = id_of(6), .device = "cpu"}, .constraint = "speed", .reason = "slower with it"}}};
}

NodeCondition some_condition() {
  return {.load_percent = 40,
          .battery = BatteryCondition{.charge_percent = 15, .on_battery = true, .low = true, .given_up = true},
          .devices = {{.device = "cuda0",
                       .load_percent = 100,
                       .temperature_c = -5,
                       .heat = Heat::critical,
                       .speed_percent = 30,
                       .action = HeatAction::leaving,
                       .pace_percent = 3,
                       .action_reason = "it is to stay below 94 °C"},
                      {.device = "cpu", .load_percent = {}, .temperature_c = {}}},
          .shards = {{.device = "cuda0", .model = "demo", .content = "abc", .layers = {3, 7}}},
          .memory = {.pressure = MemoryPressure::layers, .bytes_max = 3 * GiB}};
}

LibraryModel some_library_model() {
  return {.model = "demo",
          .content = "abc",
          .bytes = kFar,
          .architecture = "llama",
          .quantisation = "Q4_K_M",
          .layers = 12,
          .parameters = kFar + 1,
          .context = 4096,
          .changed_s = kFar + 2,
          .abilities = {.chat = true, .tools = true, .thinking = true, .embeddings = true, .infill = true},
          .work = {.layer_bytes = kFar + 3,
                   .active_layer_bytes = kFar + 4,
                   .embedding_bytes = kFar + 5,
                   .head_bytes = kFar + 6,
                   .ends_shared_bytes = kFar + 7,
                   .kv_bytes_per_token = kFar + 8,
                   .flops_per_token = 1.5e9,
                   .activation_width = 64,
                   .vocabulary = 512}};
}

AccessKey some_access_key() {
  AccessKey key;
  key.id = AccessKeyId(std::array<uint8_t, 8>{1, 2, 3});
  key.version = kFar;
  key.revoked = true;
  key.name = "laptop";
  key.salt[1] = key.hash[31] = 5;
  key.scopes = {Scope::chat, Scope::admin};
  key.models = {"qwen*", "*"};
  key.devices = {"desk/*"};
  key.created_s = -1;
  key.tokens_per_day = kFar + 1;
  return key;
}

std::vector<Event> all_events() {
  return {TermBegan{},
          NodeReported{some_facts()},
          NodeLost{.node = id_of(1), .reason = "silent for 800 ms"},
          NodeForgotten{id_of(2)},
          DrainingSet{.node = id_of(3), .draining = true},
          ModelSet{some_model()},
          ModelRemoved{.content = "abc", .reason = "nobody uses it"},
          some_plan_made(),
          PlanEnded{.content = "abc", .epoch = PlanEpoch(4), .reason = "no room"},
          PlanEnded{.content = "abc", .epoch = PlanEpoch(4), .reason = "lost", .link = pair_of(id_of(8), id_of(7))},
          LinkUse{.link = pair_of(id_of(7), id_of(8)), .avoided = true},
          ConditionReported{.node = id_of(3), .condition = {}},
          ConditionReported{.node = id_of(3), .condition = some_condition()},
          StageReported{.epoch = PlanEpoch(4), .stage = 2, .phase = StagePhase::failed, .failure = "no room"},
          LibraryReported{.node = id_of(3), .models = {some_library_model(), {}}},
          AccessKeySet{some_access_key()}};
}

ReplicatedState some_state() {
  ReplicatedState state;
  state.at = some_position();
  state.nodes[id_of(5)] = {.facts = some_facts(), .online = true, .offline_reason = {}, .draining = true};
  NodeRecord away{.facts = some_facts(), .offline_reason = "silent"};
  away.facts.info.self.node = id_of(9);
  away.facts.info.devices.clear();
  away.facts.info.links.clear();
  away.condition = some_condition();
  away.library = {some_library_model()};
  state.nodes[id_of(9)] = away;
  state.models["abc"] = {
      .served = some_model(),
      .plan = PlanRecord{.made = some_plan_made(), .stages = {{.phase = StagePhase::failed, .failure = "no room"}}},
      .no_plan_reason = "no",
      .unfit = {{{.node = id_of(9), .device = "cuda0"}, "no room"}}};
  ServedModel waiting = some_model();
  waiting.content = "def";
  waiting.pinned = true;
  waiting.keep_loaded_s = 1800;
  state.models["def"] = {.served = waiting, .plan = {}, .no_plan_reason = {}, .unfit = {}};
  state.epoch_last = PlanEpoch(kFar + 1);
  state.links_avoided = {pair_of(id_of(5), id_of(9))};
  state.access_keys[some_access_key().id] = some_access_key();
  return state;
}

TEST(ElectionMessages, RoundTrip) {
  const ElectionProbe probe{.wants_reply = true,
                            .term = some_term(),
                            .is_leader = true,
                            .has_leader = true,
                            .followers = 4,
                            .serving = true,
                            .fitness = {.mains = false, .wired = true, .steadiness = 2},
                            .reach = 5,
                            .at = some_position()};
  EXPECT_EQ(decode<ElectionProbe>(encode(probe)).value(), probe);
  EXPECT_EQ(decode<ElectionProbe>(encode(ElectionProbe{})).value(), ElectionProbe{});
  const Heartbeat heartbeat{.term = some_term(),
                            .number = kFar,
                            .acked = kFar - 1,
                            .followers = 3,
                            .serving = true,
                            .uses = {{.epoch = PlanEpoch(kFar), .unused_s = 7}}};
  EXPECT_EQ(decode<Heartbeat>(encode(heartbeat)).value(), heartbeat);
  const HeartbeatAck ack{
      .term = some_term(), .number = 3, .at = some_position(), .epoch = PlanEpoch(kFar), .busy_models = {"abc", "def"}};
  EXPECT_EQ(decode<HeartbeatAck>(encode(ack)).value(), ack);
  const LinkPing ping{.number = kFar, .answer = true};
  EXPECT_EQ(decode<LinkPing>(encode(ping)).value(), ping);
}

TEST(ElectionMessages, WhatMakesNoSenseIsRefused) {
  expect_corrupt<ElectionProbe>(ByteVector{std::byte{0xFF}}, "a broken election probe message");
  expect_corrupt<Heartbeat>(ByteVector{std::byte{0xFF}}, "a broken heartbeat message");
  expect_corrupt<HeartbeatAck>(ByteVector{std::byte{0xFF}}, "a broken heartbeat answer message");
  expect_corrupt<LinkPing>(ByteVector{std::byte{0xFF}}, "a broken link ping message");
  proto::ElectionProbe probe;
  probe.set_is_leader(true);
  expect_corrupt<ElectionProbe>(bytes_of(probe), "an election probe with a leader and no term");
  probe.set_is_leader(false);
  probe.mutable_fitness()->set_steadiness(4);
  expect_corrupt<ElectionProbe>(bytes_of(probe), "a steadiness that is not known here (4)");
  probe.mutable_fitness()->set_steadiness(0);
  probe.mutable_at()->mutable_term()->set_counter(1);
  expect_corrupt<ElectionProbe>(bytes_of(probe), "the leader of a term is not 16 bytes");
  proto::Heartbeat heartbeat;
  expect_corrupt<Heartbeat>(bytes_of(heartbeat), "a heartbeat without a term");
  heartbeat.mutable_term()->set_counter(1);
  heartbeat.mutable_term()->set_leader(std::string(kKeyHashBytes, 'x'));
  heartbeat.set_acked(1);
  expect_corrupt<Heartbeat>(bytes_of(heartbeat), "answered before it was sent");
  // One message must not use up all terms there are.
  heartbeat.mutable_term()->set_counter(UINT64_MAX);
  expect_corrupt<Heartbeat>(bytes_of(heartbeat), "the term of a heartbeat is 18446744073709551615");
}

TEST(LogMessages, RoundTrip) {
  LogEntries entries{.term = some_term(), .before = some_position(), .entries = {}};
  for (Event& event : all_events()) entries.entries.push_back({.term = some_term(), .event = std::move(event)});
  EXPECT_EQ(decode<LogEntries>(encode(entries)).value(), entries);
  const LogProposal proposal{.incarnation = kFar, .events = all_events()};
  EXPECT_EQ(decode<LogProposal>(encode(proposal)).value(), proposal);
  const LogSnapshot snapshot{.term = some_term(), .state = some_state()};
  EXPECT_EQ(decode<LogSnapshot>(encode(snapshot)).value(), snapshot);
  EXPECT_EQ(decode<LogSnapshot>(encode(LogSnapshot{})).value(), LogSnapshot{});
  for (const Entry& entry : entries.entries) {
    LogEntries one{.term = {}, .before = {}, .entries = {entry}};
    LogEntries none;
    EXPECT_EQ(encoded_bytes(entry) + encode(none).size(), encode(one).size());
  }
}

TEST(LogMessages, EqualLayersTravelOnce) {
  ServedModel model = some_model();
  model.shape.layers.assign(80, model.shape.layers[0]);
  const LogProposal few{.incarnation = 1, .events = {ModelSet{some_model()}}};
  const LogProposal many{.incarnation = 1, .events = {ModelSet{model}}};
  EXPECT_LT(encode(many).size(), encode(few).size());
  EXPECT_EQ(decode<LogProposal>(encode(many)).value(), many);
}

TEST(LogMessages, WhatIsOutOfBoundsIsRefused) {
  expect_corrupt<LogEntries>(ByteVector{std::byte{0xFF}}, "a broken log entries message");
  expect_corrupt<LogSnapshot>(ByteVector{std::byte{0xFF}}, "a broken log snapshot message");
  expect_corrupt<LogProposal>(ByteVector{std::byte{0xFF}}, "a broken log proposal message");

  const auto spoilt_event = [](const Event& event, const std::function<void(proto::Event&)>& spoil,
                               std::string_view words) {
    proto::LogProposal proto;
    const auto bytes = encode(LogProposal{.incarnation = 1, .events = {event}});
    ASSERT_TRUE(proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    spoil(*proto.mutable_events(0));
    expect_corrupt<LogProposal>(bytes_of(proto), words);
  };
  const Event model = ModelSet{some_model()}, plan = some_plan_made(), reported = NodeReported{some_facts()};
  spoilt_event(model, [](auto& e) { e.Clear(); }, "an event that is not known here");
  const auto served = [](proto::Event& e) { return e.mutable_model_set()->mutable_model(); };
  spoilt_event(model, [&](auto& e) { served(e)->mutable_shape()->mutable_layers(0)->set_times(0); }, "0 times a layer");
  spoilt_event(
      model, [&](auto& e) { served(e)->mutable_shape()->mutable_layers(0)->set_times(4'000'000'000); },
      "a model of more than 10000 layers");
  spoilt_event(
      model, [&](auto& e) { served(e)->mutable_shape()->mutable_layers(0)->set_flops_per_token(-1); },
      "the work of a layer is negative");
  spoilt_event(
      model, [&](auto& e) { served(e)->mutable_settings()->set_objective(4); },
      "an objective that is not known here (4)");
  spoilt_event(model, [&](auto& e) { served(e)->mutable_settings()->set_context(0); }, "a model for no context");
  spoilt_event(model, [&](auto& e) { served(e)->mutable_settings()->set_activations(77); }, "not known here (77)");
  spoilt_event(model, [&](auto& e) { served(e)->set_content("\n"); }, "the content of a model");
  spoilt_event(
      model,
      [&](auto& e) {
        for (size_t i = 0; i < kWithoutMax; ++i) served(e)->add_without("x");
      },
      "257 entries");
  spoilt_event(
      plan, [](auto& e) { e.mutable_plan_made()->add_stage_bytes(1); }, "a plan of 1 stages with the memory of 2");
  spoilt_event(
      plan, [](auto& e) { e.mutable_plan_made()->set_first_token_s(std::numeric_limits<double>::quiet_NaN()); },
      "the speed of a plan");
  spoilt_event(plan, [](auto& e) { e.mutable_plan_made()->mutable_plan()->clear_stages(); }, "a plan without stages");
  spoilt_event(
      reported, [](auto& e) { e.mutable_node_reported()->set_version(std::string(65, 'x')); }, "the version of a node");
  spoilt_event(
      reported, [](auto& e) { e.mutable_node_reported()->mutable_info()->mutable_self()->set_node("x"); },
      "the id of a member");
  spoilt_event(NodeLost{}, [](auto& e) { e.mutable_node_lost()->set_node("x"); }, "a node that is lost");
  spoilt_event(NodeForgotten{}, [](auto& e) { e.set_node_forgotten("x"); }, "a node that is forgotten");
  spoilt_event(DrainingSet{}, [](auto& e) { e.mutable_draining_set()->set_node("x"); }, "a node that is drained");
  spoilt_event(PlanEnded{}, [](auto& e) { e.mutable_plan_ended()->set_reason("\n"); }, "why a plan ended");
  spoilt_event(StageReported{}, [](auto& e) { e.mutable_stage_reported()->set_phase(9); }, "not known here (9)");
  const Event condition = ConditionReported{.node = id_of(3), .condition = some_condition()};
  const auto condition_of = [](proto::Event& e) { return e.mutable_condition_reported()->mutable_condition(); };
  spoilt_event(condition, [](auto& e) { e.mutable_condition_reported()->set_node("x"); }, "the node of a condition");
  spoilt_event(condition, [&](auto& e) { condition_of(e)->set_load_percent(101); }, "the load of a node is 101 %");
  spoilt_event(
      condition, [&](auto& e) { condition_of(e)->mutable_battery()->set_charge_percent(101); }, "a battery is 101 %");
  spoilt_event(condition, [&](auto& e) { condition_of(e)->mutable_devices(0)->set_heat(3); }, "not known here (3)");
  spoilt_event(
      condition, [&](auto& e) { condition_of(e)->mutable_devices(0)->set_speed_percent(0); }, "a device is 0 %");
  spoilt_event(
      condition, [&](auto& e) { condition_of(e)->mutable_devices(0)->set_temperature_c(1001); }, "of 1001 degrees");
  spoilt_event(
      condition, [&](auto& e) { condition_of(e)->mutable_shards(0)->set_layers_begin(8); }, "the layers 8 to 7");
  spoilt_event(condition, [&](auto& e) { condition_of(e)->mutable_memory()->set_pressure(4); }, "not known here (4)");

  const Event library = LibraryReported{.node = id_of(3), .models = {some_library_model()}};
  spoilt_event(library, [](auto& e) { e.mutable_library_reported()->set_node("x"); }, "the node of a library");
  spoilt_event(
      library, [](auto& e) { e.mutable_library_reported()->mutable_models(0)->set_model("\n"); },
      "the name of a model");
  spoilt_event(
      library,
      [](auto& e) { e.mutable_library_reported()->mutable_models(0)->mutable_work()->set_flops_per_token(-1); },
      "the work of a model in a library is negative or no number");
  spoilt_event(
      library,
      [](auto& e) {
        for (size_t i = 0; i < kLibraryModelsMax; ++i) e.mutable_library_reported()->add_models();
      },
      "the models of a library: 129 entries");
  const Event key = AccessKeySet{some_access_key()};
  spoilt_event(key, [](auto& e) { e.mutable_access_key_set()->set_id("x"); }, "the id of an API key");
  spoilt_event(key, [](auto& e) { e.mutable_access_key_set()->set_salt("x"); }, "the salt of an API key has 1 bytes");

  proto::LogEntries entries;
  const auto good = encode(LogEntries{
      .term = some_term(), .before = some_position(), .entries = {{.term = some_term(), .event = TermBegan{}}}});
  const auto spoilt_entries = [&](const std::function<void(proto::LogEntries&)>& spoil, std::string_view words) {
    ASSERT_TRUE(entries.ParseFromArray(good.data(), static_cast<int>(good.size())));
    spoil(entries);
    expect_corrupt<LogEntries>(bytes_of(entries), words);
  };
  spoilt_entries([](auto& e) { e.mutable_entries(0)->mutable_term()->set_counter(8); }, "terms do not follow");
  spoilt_entries([](auto& e) { e.mutable_entries(0)->mutable_term()->set_counter(6); }, "terms do not follow");
  spoilt_entries(
      [](auto& e) {
        for (size_t i = 0; i < kEntriesMax; ++i) e.add_entries();
      },
      "the entries of a message: 1025 entries");

  proto::LogSnapshot snapshot;
  const auto state = encode(LogSnapshot{.term = some_term(), .state = some_state()});
  const auto spoilt_state = [&](const std::function<void(proto::LogSnapshot&)>& spoil, std::string_view words) {
    ASSERT_TRUE(snapshot.ParseFromArray(state.data(), static_cast<int>(state.size())));
    spoil(snapshot);
    expect_corrupt<LogSnapshot>(bytes_of(snapshot), words);
  };
  spoilt_state([](auto& s) { *s.add_nodes() = s.nodes(0); }, "a log snapshot with a node twice");
  const auto first = [](proto::LogSnapshot& s) { return s.mutable_models(0); };
  spoilt_state([&](auto& s) { *s.add_models() = *first(s); }, "a log snapshot with a model twice");
  spoilt_state(
      [&](auto& s) {
        for (size_t i = 0; i < kModelsMax; ++i) s.add_models();
      },
      "the models of a log snapshot: 66 entries");
  spoilt_state([&](auto& s) { first(s)->mutable_plan()->add_stages(); }, "a plan of 1 stages with the status of 2");
  spoilt_state([&](auto& s) { first(s)->mutable_plan()->mutable_stages(0)->set_phase(5); }, "not known here (5)");
  spoilt_state([&](auto& s) { first(s)->mutable_plan()->mutable_made()->mutable_plan()->set_content("def"); },
               "a model with the plan of another");
  spoilt_state([&](auto& s) { first(s)->set_no_plan_reason("\x1b"); }, "the reason why there is no plan");
  spoilt_state([&](auto& s) { first(s)->mutable_unfit(0)->set_node("x"); }, "an unfit device is not 16 bytes");
}

}  // namespace
}  // namespace exogpu::wire
