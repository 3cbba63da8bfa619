#include "model/tensor_type.h"

#include <gtest/gtest.h>

namespace exogpu::model {
namespace {

TEST(TensorType, KnowsSizesAndNames) {
  const TensorTypeInfo* q4_k = tensor_type_info(TensorType::q4_k);
  ASSERT_NE(q4_k, nullptr);
  EXPECT_EQ(q4_k->name, "Q4_K");
  EXPECT_EQ(q4_k->block_elements, 256u);
  EXPECT_EQ(q4_k->block_bytes, 144u);
  EXPECT_EQ(tensor_type_name(TensorType::bf16), "BF16");
}

TEST(TensorType, EveryIdIsKnownOrRemovedOrUnknown) {
  uint32_t known = 0;
  for (uint32_t id = 0; id < 100; ++id) {
    const TensorTypeInfo* info = tensor_type_info(static_cast<TensorType>(id));
    if (!info) continue;
    ++known;
    EXPECT_TRUE(removed_tensor_type(id).empty()) << id;
    EXPECT_FALSE(info->name.empty()) << id;
    EXPECT_GT(info->block_elements, 0u) << id;
    EXPECT_GT(info->block_bytes, 0u) << id;
  }
  EXPECT_EQ(known, 36u);
  EXPECT_EQ(removed_tensor_type(31), "Q4_0_4_4");
  EXPECT_EQ(tensor_type_info(static_cast<TensorType>(UINT32_MAX)), nullptr);
  EXPECT_EQ(tensor_type_name(static_cast<TensorType>(77)), "type 77");
}

}  // namespace
}  // namespace exogpu::model
