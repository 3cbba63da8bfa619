// Which frames of a node are obeyed, by its role. The receiver decides; the sender cannot be relied on.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "wire/frame.h"
#include "wire/group_start.h"
#include "wire/role.h"

namespace exogpu::node {

// Whether a node of this role may send such a frame. Without a role it may only tell which role it has. A payload that
// does not tell what is asked, since it is broken or has not arrived, is left to its receiver.
bool permits(std::optional<wire::Role> role, const wire::FrameHeader& header, std::span<const std::byte> payload);

// Whether a node of this role may begin a connection of a group's members like that: who starts a member has it
// compute, and who meets one computes beside it.
bool permits(std::optional<wire::Role> role, const wire::MemberHello& hello);

}  // namespace exogpu::node
