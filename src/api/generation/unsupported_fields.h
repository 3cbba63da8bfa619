// Fields of other servers that would change an answer and are not supported here.
#pragma once

#include "api/json/json_body.h"

namespace exogpu::api {

// Refuses a request that has one with a value that means something, so that no client believes that it had an effect.
Parsed<void> refuse_unsupported_fields(const Fields& fields);

}  // namespace exogpu::api
