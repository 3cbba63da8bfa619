// The fields of a request that give its answer a form: response_format, and the names that other servers have for it.
#pragma once

#include <optional>

#include "api/json/api_error.h"
#include "api/json/json_body.h"
#include "wire/constraint.h"

namespace exogpu::api {

// None: free text. A form that is not supported is an error that names its field, and so are two forms at once. Whether
// the form can be had, the node decides.
Parsed<std::optional<wire::Constraint>> read_form(const Fields& fields);

}  // namespace exogpu::api
