#include "engine/default_settings.h"

#include <gtest/gtest.h>

namespace exogpu::engine {
namespace {

Architecture trained_for(uint32_t context) {
  Architecture a;
  a.context_trained = context;
  a.layers.resize(2);
  return a;
}

wire::ServingSettings given(uint32_t context, uint32_t sequences, uint32_t pool) {
  wire::ServingSettings settings;
  settings.context = context;
  settings.sequences = sequences;
  settings.pool_tokens = pool;
  return settings;
}

TEST(DefaultSettings, ManyConversationsShareAPoolAndOneMayBeLong) {
  EXPECT_EQ(complete_settings(given(0, 0, 0), trained_for(131072)), given(16384, 16, 16384));
  EXPECT_EQ(complete_settings(given(0, 0, 0), trained_for(8192)), given(8192, 16, 16384));
  EXPECT_EQ(complete_settings(given(0, 0, 0), trained_for(512)), given(512, 16, 8192));
  EXPECT_EQ(complete_settings(given(0, 0, 40000), trained_for(32768)), given(32768, 16, 40000));
  EXPECT_EQ(complete_settings(given(2000, 3, 40000), trained_for(32768)), given(2000, 3, 40000));
}

TEST(DefaultSettings, AContextOrANumberOfSequencesFixesBoth) {
  EXPECT_EQ(complete_settings(given(20000, 0, 0), trained_for(131072)), given(20000, 4, 0));
  EXPECT_EQ(complete_settings(given(0, 2, 0), trained_for(131072)), given(4096, 2, 0));
  EXPECT_EQ(complete_settings(given(0, 2, 0), trained_for(512)), given(512, 2, 0));
}

TEST(DefaultSettings, WhatWouldTakeMuchMemoryIsBounded) {
  Architecture recurrent = trained_for(131072);
  recurrent.layers[1].mixer = Mixer::gated_delta;
  EXPECT_EQ(complete_settings(given(0, 0, 0), recurrent).sequences, 4U);
  wire::ServingSettings exact = given(0, 0, 0);
  exact.kv_type = wire::KvType::f32;
  EXPECT_EQ(complete_settings(exact, trained_for(131072)).context, 4096U);
  Architecture embeds = trained_for(512);
  embeds.has_head = false;
  EXPECT_EQ(complete_settings(given(0, 0, 0), embeds), given(512, 4, 0));
}

}  // namespace
}  // namespace exogpu::engine
