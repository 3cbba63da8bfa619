#include <algorithm>
#include <cstring>
#include <numeric>

#include "capi/context.h"
#include "capi/testing/fixture.h"

namespace exogpu::capi::testing {
namespace {

std::vector<uint8_t> counting(size_t size) {
  std::vector<uint8_t> bytes(size);
  std::iota(bytes.begin(), bytes.end(), uint8_t{1});
  return bytes;
}

TEST_F(CapiTest, BytesGoUpAcrossAndDown) {
  for (const size_t size : {size_t{1}, size_t{3}, size_t{4096}, size_t{1} << 20}) {
    const std::vector<uint8_t> bytes = counting(size);
    const exogpu_buffer a = allocate(size + 8);
    const exogpu_buffer b = allocate(size + 8);
    ASSERT_OK(exogpu_buffer_upload(a, 8, bytes.data(), size));
    ASSERT_OK(exogpu_buffer_copy(a, 8, b, 1, size));
    std::vector<uint8_t> back(size);
    ASSERT_OK(exogpu_buffer_download(b, 1, back.data(), size));
    EXPECT_EQ(back, bytes);
    EXPECT_OK(exogpu_buffer_free(a));
    EXPECT_OK(exogpu_buffer_free(b));
  }
}

TEST_F(CapiTest, TheSameWithTickets) {
  const std::vector<uint8_t> bytes = counting(4096);
  std::vector<uint8_t> back(4096);
  exogpu_ticket tickets[4] = {};
  ASSERT_OK(exogpu_buffer_allocate_async(cpu, 4096, &tickets[0]));
  ASSERT_OK(exogpu_ticket_wait(tickets[0], -1));
  exogpu_buffer a{};
  ASSERT_OK(exogpu_ticket_buffer(tickets[0], &a));
  const exogpu_buffer b = allocate(4096);
  // In the order in which they are begun.
  ASSERT_OK(exogpu_buffer_upload_async(a, 0, bytes.data(), bytes.size(), &tickets[1]));
  ASSERT_OK(exogpu_buffer_copy_async(a, 0, b, 0, bytes.size(), &tickets[2]));
  ASSERT_OK(exogpu_buffer_download_async(b, 0, back.data(), back.size(), &tickets[3]));
  EXPECT_OK(exogpu_ticket_wait(tickets[3], -1));
  EXPECT_EQ(back, bytes);
  for (const exogpu_ticket ticket : tickets) EXPECT_OK(finish(ticket));
}

TEST_F(CapiTest, ABufferIsDescribed) {
  const exogpu_buffer buffer = allocate(100);
  exogpu_buffer_info info{};
  info.struct_size = sizeof info;
  ASSERT_OK(exogpu_buffer_describe(buffer, &info));
  EXPECT_EQ(info.size, 100U);
  EXPECT_EQ(info.device.id, cpu.id);
  ASSERT_NE(info.host_address, nullptr);  // of the CPU
  std::memset(info.host_address, 7, 100);
  uint8_t last = 0;
  ASSERT_OK(exogpu_buffer_download(buffer, 99, &last, 1));
  EXPECT_EQ(last, 7);
  expect_error(exogpu_buffer_describe(buffer, nullptr), EXOGPU_INVALID_ARGUMENT, "null pointer");
}

TEST_F(CapiTest, RangesOutsideABufferAreRefused) {
  const exogpu_buffer buffer = allocate(16);
  uint8_t bytes[32] = {};
  exogpu_ticket ticket{};
  const std::string_view outside = "reach outside a buffer of 16 bytes";
  expect_error(exogpu_buffer_upload(buffer, 1, bytes, 16), EXOGPU_INVALID_ARGUMENT, outside);
  expect_error(exogpu_buffer_upload(buffer, UINT64_MAX, bytes, 1), EXOGPU_INVALID_ARGUMENT, outside);
  expect_error(exogpu_buffer_download(buffer, 17, bytes, 0), EXOGPU_INVALID_ARGUMENT, outside);
  expect_error(exogpu_buffer_upload_async(buffer, 1, bytes, 16, &ticket), EXOGPU_INVALID_ARGUMENT, outside);
  expect_error(exogpu_buffer_download_async(buffer, 9, bytes, 8, &ticket), EXOGPU_INVALID_ARGUMENT, outside);
  expect_error(exogpu_buffer_copy(buffer, 0, buffer, 9, 8), EXOGPU_INVALID_ARGUMENT, outside);
  expect_error(exogpu_buffer_copy(buffer, 0, buffer, 4, 8), EXOGPU_INVALID_ARGUMENT, "overlaps itself");
  expect_error(exogpu_buffer_copy_async(buffer, 4, buffer, 0, 8, &ticket), EXOGPU_INVALID_ARGUMENT, "overlaps itself");
  EXPECT_EQ(ticket.id, 0U);
  expect_error(exogpu_buffer_upload(buffer, 0, nullptr, 1), EXOGPU_INVALID_ARGUMENT, "from is a null pointer");
  expect_error(exogpu_buffer_download(buffer, 0, nullptr, 1), EXOGPU_INVALID_ARGUMENT, "to is a null pointer");
  EXPECT_OK(exogpu_buffer_upload(buffer, 16, nullptr, 0));
  EXPECT_OK(exogpu_buffer_copy(buffer, 0, buffer, 8, 8));
}

TEST_F(CapiTest, WhatCannotBeAllocatedIsRefused) {
  exogpu_buffer buffer{};
  expect_error(exogpu_buffer_allocate(cpu, 0, &buffer), EXOGPU_INVALID_ARGUMENT, "0 bytes");
  expect_error(exogpu_buffer_allocate(cpu, UINT64_MAX, &buffer), EXOGPU_OUT_OF_MEMORY, "do not fit");
  expect_error(exogpu_buffer_allocate(cpu, 1, nullptr), EXOGPU_INVALID_ARGUMENT, "buffer is a null pointer");
  EXPECT_EQ(buffer.id, 0U);
  exogpu_ticket ticket{};
  ASSERT_OK(exogpu_buffer_allocate_async(cpu, UINT64_MAX, &ticket));
  expect_error(exogpu_ticket_wait(ticket, -1), EXOGPU_OUT_OF_MEMORY, "do not fit");
  expect_error(exogpu_ticket_buffer(ticket, &buffer), EXOGPU_FAILED_PRECONDITION, "do not fit");
  EXPECT_OK(exogpu_ticket_free(ticket));
}

TEST_F(CapiTest, AFreedBufferSaysSo) {
  const exogpu_buffer buffer = allocate(16);
  EXPECT_OK(exogpu_buffer_free(buffer));
  expect_error(exogpu_buffer_free(buffer), EXOGPU_INVALID_ARGUMENT, "was freed or closed before");
  uint8_t byte = 0;
  expect_error(exogpu_buffer_upload(buffer, 0, &byte, 1), EXOGPU_INVALID_ARGUMENT, "was freed or closed before");
  expect_error(exogpu_buffer_free({cpu.id}), EXOGPU_INVALID_ARGUMENT, "names a device");
  expect_error(exogpu_buffer_free({}), EXOGPU_INVALID_ARGUMENT, "is 0");
}

TEST_F(CapiTest, NothingRemainsOfManyAllocations) {
  const size_t before = handles().size();
  for (int i = 0; i < 2'000; ++i) EXPECT_OK(exogpu_buffer_free(allocate(64)));
  EXPECT_EQ(handles().size(), before);
}

}  // namespace
}  // namespace exogpu::capi::testing
